import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { GRANTED, type Peer, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let rig: Rig;
let peer: Peer;

beforeEach(async () => {
  rig = await Rig.open();
  peer = await rig.welcomed();
});

function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1);
}

describe('an acknowledgement', () => {
  test('comes only after the log has answered, one for all that it answered together', async () => {
    rig.appender.hold();
    peer.sends(1, 2, 3);
    await rig.turns();
    expect(peer.heard()).toEqual([]);
    rig.appender.release();
    await rig.settled();
    const acks = peer.heardOf('ack');
    expect(acks).toHaveLength(1);
    expect(acks[0]).toMatchObject({ epoch: 'E1', upto: 3 });
    const at = acks[0]?.at ?? [];
    for (const [index, [name, topic, partition, offset]] of at.entries()) {
      expect([name, topic, offset]).toEqual([index + 1, TOPIC.incoming, index]);
      const record = rig.appender.log({ topic, partition })[offset];
      const decoded = await rig.codec.decode(TOPIC.incoming, record?.value ?? null);
      expect(decoded).toMatchObject({ ok: true, value: { seq: name, stream: 's', streamEpoch: 'E1' } });
    }
  });

  test('of one without a number is by its id, and one without either gets none', async () => {
    peer.say(peer.event(undefined, { id: 'mine' }), { event: 'presence', user: 'ana' });
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 0, at: [['mine', TOPIC.incoming, expect.any(Number), 0]] }]);
    expect(rig.incoming()).toBe(2);
  });

  test('waits for a lost answer of the log: an unknown append is no acknowledgement', async () => {
    rig = await Rig.open({ fateOf: (_append, call) => (call === 0 ? 'lost-ack' : 'acked') });
    peer = await rig.welcomed();
    peer.sends(1);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 1 }]);
  });

  test('is dropped with the session, and the account goes on', async () => {
    rig.appender.hold();
    peer.sends(1, 2);
    await rig.turns();
    peer.socket.closed(1006);
    rig.appender.release();
    await rig.settled();
    expect(peer.heard()).toEqual([]);
    const again = rig.connect();
    again.hello();
    await rig.turns();
    expect(again.heard()).toMatchObject([{ op: 'welcome', last: { epoch: 'E1', seq: 2 } }]);
  });
});

describe('the same event once more', () => {
  test('in flight is appended once and answered once', async () => {
    rig.appender.hold();
    peer.sends(1, 1, 1);
    rig.appender.release();
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 1, at: [[1, TOPIC.incoming, expect.any(Number), 0]] }]);
    expect([rig.incoming(), rig.elsewhere()]).toEqual([1, { duplicate: 2 }]);
  });

  test('afterwards is answered with the first coordinates', async () => {
    peer.sends(1, 2);
    await rig.settled();
    const [first] = peer.heardOf('ack');
    peer.sends(2);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 2, dup: [2], at: [first?.at[1]] }]);
    expect(rig.incoming()).toBe(2);
  });

  test('that nobody here remembers is appended again, acknowledged at its own place and called no duplicate', async () => {
    rig = await Rig.open({ stored: { source: GRANTED.source, stream: 's', epoch: 'E1', upto: 7 } });
    peer = await rig.welcomed({ resume: { out: { epoch: 'E1', seq: 7 } } });
    peer.sends(3);
    await rig.settled();
    const [ack] = peer.heardOf('ack');
    expect([ack?.at, ack?.dup]).toEqual([[[3, TOPIC.incoming, expect.any(Number), 0]], undefined]);
    peer.sends(3);
    await rig.settled();
    expect(peer.heardOf('ack')).toMatchObject([{ at: ack?.at, dup: [3] }]);
    expect(rig.incoming()).toBe(1);
  });

  test('with another body is kept beside the first, which alone is acknowledged', async () => {
    rig.appender.hold();
    peer.sends(1);
    peer.say(peer.event(1, { content: 'another' }));
    await rig.turns();
    expect(peer.heard()).toEqual([]);
    rig.appender.release();
    await rig.settled();
    const heard = peer.heard();
    expect(heard).toContainEqual(expect.objectContaining({ op: 'error', code: 112, ref: '1' }));
    expect(heard.flatMap((frame) => (frame.op === 'ack' ? frame.at : []))).toHaveLength(1);
    expect(rig.incoming()).toBe(2);
  });

  test('that was refused for good is refused again, and kept once', async () => {
    const large = peer.event(1, { content: 'x'.repeat(17_000) });
    peer.say(large);
    await rig.settled();
    peer.say(large);
    await rig.settled();
    expect(peer.heardOf('nack').map(({ seq, code }) => [seq, code])).toEqual([
      [1, 108],
      [1, 108],
    ]);
    expect(await rig.rejected()).toEqual([108]);
  });
});

describe('what is not an event', () => {
  const deep = `{"event":"message","id":"d","seq":1,"metadata":${'['.repeat(17)}${']'.repeat(17)}}`;
  const wide = JSON.stringify({ event: 'message', id: 'w', seq: 1, content: 'a', more: 'x'.repeat(70_000) });
  test.each<[string, Buffer | string, boolean, number, object]>([
    ['binary', Buffer.from('{"event":"message","id":"b","seq":1}'), true, 104, { op: 'error' }],
    ['bad UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), false, 104, { op: 'error' }],
    ['half JSON', '{"event":', false, 104, { op: 'error' }],
    ['a list', '[1]', false, 105, { op: 'error' }],
    ['null', 'null', false, 105, { op: 'error' }],
    ['nothing', '', false, 104, { op: 'error' }],
    ['too deep', deep, false, 105, { op: 'nack', seq: 1, id: 'd' }],
    ['too large', wide, false, 107, { op: 'nack', seq: 1, id: 'w' }],
    ['a megabyte of brackets', '['.repeat(1_048_576), false, 107, { op: 'error' }],
    ['a number that is text', '{"event":"message","id":"n","seq":"1"}', false, 105, { op: 'nack', id: 'n' }],
    ['a number of 0', '{"event":"message","id":"n","seq":0}', false, 105, { op: 'nack', id: 'n' }],
    ['a number of 1.5', '{"event":"message","id":"n","seq":1.5}', false, 105, { op: 'nack', id: 'n' }],
    ['2^53 - 1', '{"event":"message","id":"n","seq":9007199254740991}', false, 105, { op: 'nack', id: 'n' }],
    ['another stream', '{"event":"message","id":"n","stream":"t","seq":1}', false, 103, { op: 'nack', id: 'n' }],
    ['another epoch', '{"event":"message","id":"n","epoch":"E9","seq":1}', false, 113, { op: 'nack', id: 'n' }],
    ['an epoch that is no text', '{"event":"message","id":"n","epoch":9,"seq":1}', false, 105, { op: 'nack', id: 'n' }],
    [
      'large metadata',
      JSON.stringify({ event: 'message', id: 'n', metadata: { m: 'x'.repeat(9_000) } }),
      false,
      108,
      { op: 'nack', id: 'n' },
    ],
  ])(
    'is refused for good with a code, kept, and the link goes on: %s',
    async (_what, frame, isBinary, code, answer) => {
      peer.saysBytes(Buffer.from(frame), isBinary);
      await rig.settled();
      expect(peer.heard()).toContainEqual(expect.objectContaining({ ...answer, code }));
      expect(await rig.rejected()).toEqual([code]);
      peer.say(peer.event(undefined, { id: 'after' }));
      await rig.settled();
      expect(peer.heardOf('ack')).toMatchObject([{ at: [['after', TOPIC.incoming, expect.any(Number), 0]] }]);
      expect([rig.ingest.settlement.settledUpTo, peer.closedWith]).toEqual([2, undefined]);
    },
  );

  test.each([
    ['by its id', { id: 'n' }, { op: 'nack', epoch: 'E1', id: 'n' }],
    ['in an error that says which it is', { id: undefined }, { op: 'error', temporary: false, ref: 'other/2' }],
  ])(
    'but an event of another stream, is refused %s, and the number of this stream is not settled by it',
    async (_how, more, answer) => {
      peer.sends(1);
      peer.say(peer.event(2, { stream: 'other', ...more }));
      peer.sends(3);
      await rig.settled();
      const heard = peer.heard();
      expect(heard).toContainEqual({ ...answer, code: 103, reason: 'the stream of this session is s' });
      expect(peer.closedWith).toBeUndefined();
      rig.pass(1_000, peer);
      expect(peer.heard()).toMatchObject([{ op: 'resend', from: 2, to: 2 }]);
      const [kept] = rig.appender.topic(TOPIC.rejected);
      expect(await rig.codec.decode(TOPIC.rejected, kept?.value ?? null)).toMatchObject({
        value: { stream: null, streamEpoch: null, seq: null },
      });
      peer.sends(2);
      await rig.settled();
      expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 3 });
    },
  );

  test('counts as settled where it has a number', async () => {
    peer.say(deep);
    peer.sends(2);
    await rig.settled();
    expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 2 });
    expect(rig.gaps).toEqual([]);
  });

  test('but has the same key twice, is what its last key says', async () => {
    peer.say('{"event":"message","id":"k","seq":7,"seq":1,"chat":"a","chat":"b"}');
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 1 }]);
    const [record] = rig.appender.topic(TOPIC.incoming);
    expect(record?.key).toBe('b');
  });

  test('of a kind that nobody knows is kept, with a warning', async () => {
    peer.say(peer.event(1, { event: 'poke' }));
    await rig.settled();
    expect(peer.heard()).toMatchObject([
      { op: 'error', code: 116, ref: '1' },
      { op: 'ack', upto: 1 },
    ]);
    expect(rig.incoming()).toBe(1);
  });

  test.each([
    ['an op that nobody knows', { op: 'fly' }, 'fly'],
    ['an op that is no text', { op: 7 }, 'op'],
    ['unavailable without numbers', { op: 'unavailable', epoch: 'E1' }, 'unavailable'],
    ['a credit of nothing', { op: 'credit', n: 0 }, 'credit'],
  ])('nor a control frame, is answered with an error: %s', async (_what, frame, ref) => {
    peer.say(frame);
    await rig.turns();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 105, ref }]);
    expect(peer.closedWith).toBeUndefined();
  });
});

describe('an event that the log refuses', () => {
  test('is kept as rejected, and final', async () => {
    rig = await Rig.open({ fateOf: ({ to }) => (to.topic === TOPIC.incoming ? 'rejected' : 'acked') });
    peer = await rig.welcomed();
    peer.sends(1);
    await rig.settled();
    const heard = peer.heard();
    expect(heard).toMatchObject([
      { op: 'nack', seq: 1, code: 105 },
      { op: 'ack', upto: 1, at: [] },
    ]);
    expect(heard[0]).not.toHaveProperty('retry_after_ms');
  });

  test('and that cannot be kept either, is to be sent again: its number stays open', async () => {
    rig = await Rig.open({ fateOf: (_append, call) => (call < 2 ? 'rejected' : 'acked') });
    peer = await rig.welcomed();
    peer.sends(1);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'nack', seq: 1, code: 100, retry_after_ms: 1_000 }]);
    peer.sends(1, 2);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 2 }]);
    expect([rig.incoming(), rig.elsewhere()]).toEqual([2, { 'refused-by-broker': 1 }]);
  });
});

describe('the window', () => {
  test('stops the reading at its end and goes on at half of it; nothing that was read is dropped', async () => {
    rig.appender.hold();
    peer.sends(...upTo(PROTOCOL_LIMITS.window - 1));
    expect(peer.socket.isPaused).toBe(false);
    peer.sends(PROTOCOL_LIMITS.window);
    expect(peer.socket.isPaused).toBe(true);
    peer.sends(PROTOCOL_LIMITS.window + 1);
    rig.appender.release();
    await rig.settled();
    expect(peer.socket.isPaused).toBe(false);
    expect(peer.heardOf('ack').at(-1)?.upto).toBe(PROTOCOL_LIMITS.window + 1);
  });

  test.for([
    ['without numbers', (index: number) => ({ seq: undefined, id: `m${index}` })],
    ['of one number with other bodies', (index: number) => ({ seq: 1, content: `text ${index}` })],
  ] as const)('is of events %s too', async ([, more]) => {
    rig.appender.hold();
    for (const index of upTo(PROTOCOL_LIMITS.window)) peer.say(peer.event(index, more(index)));
    expect(peer.socket.isPaused).toBe(true);
    rig.appender.release();
    await rig.settled();
    expect(peer.socket.isPaused).toBe(false);
  });

  test('is of bytes too', async () => {
    rig.appender.hold();
    for (const seq of upTo(18)) peer.say(peer.event(seq, { more: 'x'.repeat(60_000) }));
    expect(peer.socket.isPaused).toBe(true);
    rig.appender.release();
    await rig.settled();
    expect(peer.socket.isPaused).toBe(false);
  });
});
