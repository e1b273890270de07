import { describe, expect, test } from 'vitest';
import { eventProblem, standingOf } from './event-frame.ts';

describe('where an event stands', () => {
  test('is what it says, as far as it can be used', () => {
    expect(standingOf({ stream: 's', epoch: 'E', seq: 7, id: 'm' })).toEqual({
      stream: 's',
      epoch: 'E',
      seq: 7,
      id: 'm',
    });
    const none = { stream: undefined, epoch: undefined, seq: undefined, id: undefined };
    expect(standingOf(undefined)).toEqual(none);
    expect(standingOf({ stream: 1, epoch: null, seq: '7', id: {} })).toEqual(none);
    expect(standingOf({ id: '' })).toEqual(none);
    expect([standingOf({ id: 'x'.repeat(128) }).id?.length, standingOf({ id: 'x'.repeat(129) }).id]).toEqual([
      128,
      undefined,
    ]);
  });

  // Avro's long takes whole numbers up to 2^53 - 2; one above it was an exception in the encoder.
  test.each([
    [1, true],
    [2 ** 53 - 2, true],
    [2 ** 53 - 1, false],
    [2 ** 53, false],
    [0, false],
    [-1, false],
    [1.5, false],
    ['1', false],
    [null, false],
  ])('%s as a number: %s', (seq, isNumber) => {
    expect([standingOf({ seq }).seq, eventProblem({ seq }, 10)?.code]).toEqual(
      isNumber ? [seq, undefined] : [undefined, 105],
    );
  });
});

describe('what is wrong with an event', () => {
  test.each([
    ['nothing', {}, undefined],
    ['a stream that is no text', { stream: 1 }, 105],
    ['an epoch that is no text', { epoch: null }, 105],
    ['content of its limit', { content: 'x'.repeat(16_384) }, undefined],
    ['content above it', { content: 'x'.repeat(16_385) }, 108],
    ['content above it in UTF-8', { content: 'ü'.repeat(8_193) }, 108],
    ['new content above it', { new_content: 'x'.repeat(16_385) }, 108],
    ['content that is no text', { content: { a: 'x'.repeat(20_000) } }, undefined],
    ['metadata of its limit', { metadata: 'x'.repeat(8_190) }, undefined],
    ['metadata above it', { metadata: 'x'.repeat(8_191) }, 108],
  ])('%s', (_what, fields, code) => {
    expect(eventProblem(fields, Buffer.byteLength(JSON.stringify(fields)))?.code).toBe(code);
  });
});
