import { expect, test } from 'vitest';
import { readPeerFrame } from '../../schemas/protocol/frames.ts';
import { handled, hello, isTemporary, numbered, numbersOf, readControl, unavailable } from './control-frames.ts';

const PLACE = { stream: 's', epoch: 'e', seq: 3 };
const FROM = { log_epoch: 'l', pos: { 'pmc.messages.outgoing/0': 4 } };

test('a hello says where the stream stands; what is gone is said to be unavailable', () => {
  expect(JSON.parse(hello(PLACE))).toEqual({
    ...{ op: 'hello', v: 1, stream: 's', epoch: 'e' },
    resume: { out: { epoch: 'e', seq: 3 } },
  });
  expect(JSON.parse(hello(PLACE, FROM))).toMatchObject({ resume: { out: { epoch: 'e', seq: 3 }, in: FROM } });
  expect(JSON.parse(unavailable('e', { from: 1, to: 2 }))).toEqual({ op: 'unavailable', epoch: 'e', from: 1, to: 2 });
});

test('what a source says is what the protocol has a peer say', () => {
  const replies = handled({ ids: ['a', 'b'], credit: 2, batch: 1 });
  expect(replies).toHaveLength(3);
  for (const text of [hello(PLACE), hello(PLACE, FROM), unavailable('e', { from: 1, to: 2 }), ...replies]) {
    expect(readPeerFrame(JSON.parse(text))).toEqual({ ok: true, frame: JSON.parse(text) as unknown });
  }
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
  [{ op: 'welcome', in: { recovered: true, ...FROM } }, { in: FROM }],
  [{ op: 'welcome', in: { recovered: true } }, { in: undefined }],
  [
    { op: 'deliver', ...FROM, event: { event: 'message', id: 'r', content: 'pong' } },
    { ...FROM, event: { id: 'r' } },
  ],
  [{ op: 'pong', t: 7 }, { t: 7 }],
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
  { op: 'deliver', event: { id: 'r' } },
  { op: 'deliver', ...FROM, event: { id: '' } },
  { op: 'resend', epoch: 'e', from: 5, to: 4 },
  { op: 'resend', epoch: 'e', from: 1, to: 1_001 },
  { op: 'resend', epoch: 'e', from: 0, to: 1 },
])('%j is none of the protocol', (frame) => {
  expect(readControl(frame)).toBeUndefined();
});

test('numbers are taken from an acknowledgement, ids are not; some refusals pass', () => {
  const at = [[1, 't', 0, 0], ['msg_1', 't', 0, 1], [], [2.5], [-1], [7]];
  expect(numbersOf({ at, dup: [7, 'msg_2', 9] })).toEqual([1, 7, 9]);
  expect([{ code: 107 }, { code: 111 }, { code: 107, retry_after_ms: 5 }].map(isTemporary)).toEqual([
    false,
    true,
    true,
  ]);
});
