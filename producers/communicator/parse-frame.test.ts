import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { parseFrame } from './parse-frame.ts';

function parse(text: string | Buffer, isBinary = false) {
  return parseFrame({ bytes: Buffer.from(text), isBinary });
}

/** A frame of exactly so many bytes. */
function ofBytes(bytes: number): string {
  const frame = (filler: string): string => JSON.stringify({ seq: 5, filler });
  return frame('x'.repeat(bytes - frame('').length));
}

function nested(levels: number): string {
  return `{"seq":5,"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
}

describe('a frame', () => {
  test('is its fields, of which the last of a name counts', () => {
    expect(parse('{"a":1,"a":2,"__proto__":3}')).toEqual({ ok: true, fields: JSON.parse('{"a":2,"__proto__":3}') });
  });

  test.each<[string, string | Buffer, boolean, number]>([
    ['binary', '{}', true, 104],
    ['not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), false, 104],
    ['of an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), false, 104],
    ['empty', '', false, 104],
    ['with something behind it', '{} {}', false, 104],
    ['with a byte order mark', '\ufeff{}', false, 104],
    ['NaN', 'NaN', false, 104],
    ['a text', '"a"', false, 105],
    ['a number', '1', false, 105],
    ['a list', '[{}]', false, 105],
    ['null', 'null', false, 105],
  ])('is refused with a code: %s', (_what, text, isBinary, code) => {
    expect(parse(text, isBinary)).toEqual({ ok: false, refusal: { code, reason: expect.any(String) } });
  });

  test('may be as large and as deep as its limits, and says which it was beyond them', () => {
    const { frameBytes, nesting } = PROTOCOL_LIMITS;
    expect([parse(ofBytes(frameBytes)).ok, parse(nested(nesting)).ok]).toEqual([true, true]);
    expect(parse(ofBytes(frameBytes + 1))).toMatchObject({ ok: false, refusal: { code: 107 }, fields: { seq: 5 } });
    expect(parse(nested(nesting + 1))).toMatchObject({ ok: false, refusal: { code: 105 }, fields: { seq: 5 } });
  });

  test('as large as the library lets through and as deep as it can be is no exception', () => {
    expect(parse('['.repeat(PROTOCOL_LIMITS.frameBytesHard))).toMatchObject({ refusal: { code: 107 } });
    const deep = PROTOCOL_LIMITS.frameBytesHard / 2;
    expect(parse('['.repeat(deep) + ']'.repeat(deep))).toMatchObject({ refusal: { code: 107 } });
    expect(parse('{"a":'.repeat(100_000))).toMatchObject({ refusal: { code: 107 } });
  });

  test('may have the character that stands for what is no UTF-8, as long as that is what was written', () => {
    const written = Buffer.from('{"a":"\ufffd"}');
    expect(parse(written)).toEqual({ ok: true, fields: { a: '\ufffd' } });
    const spoiled = Buffer.concat([written.subarray(0, -2), Buffer.from([0xff]), written.subarray(-2)]);
    expect(parse(spoiled)).toMatchObject({ ok: false, refusal: { code: 104, reason: 'the frame is not valid UTF-8' } });
  });

  test('is refused for what is no UTF-8 if it is none, and never else', () => {
    const texts = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { minKeys: 1 });
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(255), (fields, at, byte) => {
        const bytes = Buffer.from(JSON.stringify(fields));
        bytes[at % bytes.length] = byte;
        const parsed = parse(bytes);
        expect(!parsed.ok && parsed.refusal.reason === 'the frame is not valid UTF-8').toBe(!isUtf8(bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is never an exception, and an object of JSON is what JSON says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isBinary) => {
        const parsed = parse(Buffer.from(bytes), isBinary);
        expect(parsed.ok || [104, 105].includes(parsed.refusal.code)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (fields) => {
        const text = JSON.stringify(fields);
        expect(parse(text)).toEqual({ ok: true, fields: JSON.parse(text) });
      }),
    );
  });
});
