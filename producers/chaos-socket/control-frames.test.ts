import { expect, test } from 'vitest';
import { hello, isTemporary, numbered, numbersAt, readControl, unavailable } from './control-frames.ts';

const PLACE = { stream: 's', epoch: 'e', seq: 3 };

test('a hello says where the stream stands; what is gone is said to be unavailable', () => {
  expect(JSON.parse(hello(PLACE))).toEqual({
    ...{ op: 'hello', v: 1, stream: 's', epoch: 'e' },
    resume: { out: { epoch: 'e', seq: 3 } },
  });
  expect(JSON.parse(unavailable('e', { from: 1, to: 2 }))).toEqual({ op: 'unavailable', epoch: 'e', from: 1, to: 2 });
});

test('an event gets its place and keeps every other byte; what is no object gets none', () => {
  expect(numbered('{"n": 1.0e2}', PLACE)).toBe('{"n": 1.0e2,"stream":"s","epoch":"e","seq":3}');
  expect(numbered('{}', PLACE)).toBe('{"stream":"s","epoch":"e","seq":3}');
  expect([numbered('[1]', PLACE), numbered('{"a', PLACE), numbered(Buffer.from('{}'), PLACE)]).toEqual(
    Array.from({ length: 3 }, () => undefined),
  );
});

test.for<[unknown, unknown]>([
  [{ op: 'welcome', session: 'x', last: { epoch: 'e', seq: 9 }, limits: { window: 5 } }, { last: { seq: 9 } }],
  [{ op: 'welcome' }, { op: 'welcome' }],
  [{ op: 'ack', epoch: 'e', upto: 4, at: [[4, 't', 0, 1]] }, { upto: 4 }],
  [{ op: 'nack', seq: 4, code: 107 }, { code: 107 }],
  [{ op: 'resend', epoch: 'e', from: 1, to: 1_000 }, { to: 1_000 }],
])('%j is understood', ([frame, about]) => {
  expect(readControl(frame)).toMatchObject(about as object);
});

test.for([
  undefined,
  null,
  7,
  {},
  { op: 'hello' },
  { op: 'ack' },
  { op: 'ack', epoch: 'e', upto: -1 },
  { op: 'welcome', limits: { window: 0 } },
  { op: 'resend', epoch: 'e', from: 5, to: 4 },
  { op: 'resend', epoch: 'e', from: 1, to: 1_001 },
  { op: 'resend', epoch: 'e', from: 0, to: 1 },
])('%j is none of the protocol', (frame) => {
  expect(readControl(frame)).toBeUndefined();
});

test('numbers are taken from an acknowledgement, ids are not; some refusals pass', () => {
  expect(numbersAt([[1, 't', 0, 0], ['msg_1', 't', 0, 1], [], [2.5], [7]])).toEqual([1, 7]);
  expect([{ code: 107 }, { code: 111 }, { code: 107, retry_after_ms: 5 }].map(isTemporary)).toEqual([
    false,
    true,
    true,
  ]);
});
