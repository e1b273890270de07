import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { PartitionEnds } from '../../kafka/log.ts';
import { PmcError } from '../../service/errors.ts';
import type { Admission } from './admission.ts';
import { ENDS, LOG_EPOCH, Rig, type RigOptions } from './session.testing.ts';
import type { StreamPosition } from './streams.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.open();
});

const STORED: StreamPosition = { source: 'user:ana', stream: 's', epoch: 'E1', upto: 7 };

describe('a hello', () => {
  test('is welcomed with a position, also where nothing ever came', async () => {
    const peer = rig.connect();
    peer.hello();
    await rig.turns();
    expect(peer.heard()).toEqual([
      expect.objectContaining({
        op: 'welcome',
        last: { epoch: 'E1', seq: 0 },
        in: { recovered: true, log_epoch: LOG_EPOCH, pos: { 'pmc.messages.outgoing/0': 5 } },
        limits: expect.objectContaining({ window: 256, rate: null, burst: null }),
      }),
    ]);
    expect(rig.epochs).toEqual(['opened E1']);
  });

  test('goes on where the stored position is, in its epoch only', async () => {
    rig = await Rig.open({ stored: STORED });
    const peer = rig.connect();
    peer.hello({ resume: { out: { epoch: 'E1', seq: 9 } } });
    await rig.turns();
    expect(peer.heard()).toMatchObject([{ op: 'welcome', last: { epoch: 'E1', seq: 7 } }]);
    const later = rig.connect();
    later.hello({ epoch: 'E2', resume: { out: { epoch: 'E2', seq: 3 } } });
    await rig.turns();
    expect(later.heard()).toMatchObject([{ op: 'welcome', last: null }]);
    expect(rig.epochs).toEqual(['closed E1', 'opened E2']);
  });

  test('is followed by what became of the events whose answers were lost', async () => {
    const first = await rig.welcomed();
    first.sends(1);
    first.sends(2);
    first.say('{"seq":3');
    first.say(first.event(3, { content: 'x'.repeat(20_000) }));
    await rig.settled();
    first.socket.closed(1006);
    const again = rig.connect();
    again.hello({ resume: { out: { epoch: 'E1', seq: 3, acked: 1 } } });
    await rig.turns();
    const [welcome, ...rest] = again.heard();
    expect(welcome).toMatchObject({ op: 'welcome', last: { seq: 3 } });
    expect(rest).toContainEqual(expect.objectContaining({ op: 'nack', seq: 3, code: 108 }));
    expect(rest).toContainEqual(
      expect.objectContaining({
        op: 'ack',
        upto: 3,
        at: [[2, expect.any(String), expect.any(Number), expect.any(Number)]],
      }),
    );
  });

  test('that gives the number of another epoch has given out none in this one: the first is not settled by the second', async () => {
    const peer = await rig.welcomed({ resume: { out: { epoch: 'E0', seq: 500 } } });
    peer.sends(2);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 0, at: [[2, expect.any(String), expect.any(Number), 0]] }]);
    expect(rig.gaps).toMatchObject([{ kind: 'gap_open', from: 1, to: 1 }]);
  });

  test.each([
    ['an event first', { event: 'message', id: 'a', seq: 1 }, 106, 4503],
    ['no JSON', '{', 106, 4503],
    ['a ping first', { op: 'ping' }, 106, 4503],
    ['a hello without a stream', { op: 'hello', v: 1, epoch: 'E' }, 105, 4503],
    ['another version', { op: 'hello', v: 2, stream: 's', epoch: 'E' }, 115, 4504],
    ['half of a surrogate pair', '{"op":"hello","v":1,"stream":"\\ud800","epoch":"E"}', 105, 4503],
  ])('is refused with a code for %s', async (_what, frame, code, close) => {
    const peer = rig.connect();
    peer.say(frame, { op: 'hello', v: 1, stream: 's', epoch: 'E1' });
    await rig.turns();
    expect(peer.heard()).toMatchObject([{ op: 'error', code, temporary: false }]);
    expect([peer.closedWith, rig.ingest.settlement.received]).toEqual([close, 0]);
  });

  test.each<[Exclude<Admission, { ok: true }>, number, number]>([
    [{ ok: false, error: 'unauthorized', reason: 'r', close: 'unauthorized' }, 101, 4501],
    [{ ok: false, error: 'tokenExpired', reason: 'r', close: 'unauthorized' }, 102, 4501],
    [{ ok: false, error: 'forbidden', reason: 'r', close: 'forbidden' }, 103, 4502],
    [{ ok: false, error: 'internal', reason: 'r', close: 'internal' }, 100, 4002],
  ])('of one who is not admitted is answered with what is wrong: %o', async (admission, code, close) => {
    const peer = rig.connect(admission);
    peer.hello();
    peer.sends(1);
    await rig.turns();
    expect([peer.heardOf('error').map((error) => error.code), peer.closedWith]).toEqual([[code], close]);
    expect([rig.ingest.settlement.received, rig.streams.size]).toEqual([0, 0]);
  });

  test('is waited for, and no longer while the log does not keep up', () => {
    const peer = rig.connect();
    peer.wire.pause('log');
    rig.pass(9_000, peer);
    expect(peer.closedWith).toBeUndefined();
    rig.pass(1_000, peer);
    expect(peer.closedWith).toBe(4505);
  });

  test('that cannot be answered is told to come back, and holds nothing', async () => {
    rig = await Rig.open({ find: () => Promise.reject(new Error('the disk is away')) });
    const peer = rig.connect();
    peer.hello();
    await rig.turns();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 100, temporary: true }]);
    expect([peer.closedWith, rig.streams.size]).toEqual([4002, 0]);
  });

  const isAway = (): Promise<never> => Promise.reject(new PmcError('PMC_KAFKA_UNREACHABLE', 'the log is away'));
  test.each<[string, RigOptions]>([
    ['has never answered', { isLogKnown: false }],
    ['does not answer now', { downward: { ends: isAway } }],
  ])('while the log %s is told so, and when to come back', async (_what, options) => {
    rig = await Rig.open(options);
    const peer = rig.connect();
    peer.hello({ resume: { in: { log_epoch: LOG_EPOCH, pos: { 'pmc.messages.outgoing/0': 1 } } } });
    await rig.turns();
    expect(peer.heard()).toMatchObject([
      { op: 'error', code: 111, temporary: true, retry_after_ms: expect.any(Number) },
    ]);
    expect([peer.closedWith, rig.epochs.length]).toEqual([4003, options.isLogKnown === false ? 0 : 1]);
  });

  test('of one that leaves before it is answered leaves nothing behind', async () => {
    const asked = Promise.withResolvers<ReadonlyMap<number, PartitionEnds>>();
    rig = await Rig.open({ downward: { ends: () => asked.promise } });
    const detach = vi.spyOn(rig.downward, 'detach');
    const peer = rig.connect();
    peer.hello({ resume: { in: { log_epoch: LOG_EPOCH, pos: { 'pmc.messages.outgoing/0': 1 } } } });
    await rig.turns();
    peer.socket.closed(1006);
    expect(detach).toHaveBeenCalledTimes(1);
    asked.resolve(new Map([[0, ENDS]]));
    await rig.turns();
    // Once more, after it was attached.
    expect(detach).toHaveBeenCalledTimes(2);
    expect(peer.heard()).toEqual([]);
  });
});

describe('frames before the welcome', () => {
  test('wait for it, in order', async () => {
    const peer = rig.connect();
    peer.hello();
    peer.sends(1, 2, 3);
    expect(rig.ingest.settlement.received).toBe(0);
    await rig.settled();
    const [welcome, ack] = peer.heard();
    expect([welcome, ack]).toMatchObject([{ op: 'welcome' }, { op: 'ack', upto: 3 }]);
  });

  test('are bounded in number and in bytes', async () => {
    const many = rig.connect();
    many.hello();
    for (let seq = 1; seq <= 2_000; seq += 1) many.sends(seq);
    expect(many.heard()).toMatchObject([{ op: 'error', code: 106 }]);
    expect(many.socket.closes).toEqual([[4503, expect.any(String)]]);
    const large = rig.connect();
    large.hello();
    for (let seq = 1; seq <= 20; seq += 1) large.say(large.event(seq, { metadata: 'x'.repeat(60_000) }));
    expect(large.closedWith).toBe(4503);
    await rig.settled();
    expect(rig.ingest.settlement.received).toBe(0);
  });

  test('belong to the hello before them', async () => {
    const peer = rig.connect();
    peer.hello();
    peer.sends(1);
    peer.hello({ epoch: 'E2' });
    peer.sends(1, 2);
    await rig.settled();
    const acks = peer.heardOf('ack').map(({ epoch, upto }) => [epoch, upto]);
    expect(acks).toEqual(
      expect.arrayContaining([
        ['E1', 1],
        ['E2', 2],
      ]),
    );
    expect(rig.incoming()).toBe(3);
    expect(rig.epochs).toEqual(['opened E1', 'closed E1', 'opened E2']);
  });
});

describe('another hello on the same connection', () => {
  test('begins another epoch, and a late frame of the one before it still has its place', async () => {
    const peer = await rig.welcomed();
    peer.sends(1);
    peer.hello({ epoch: 'E2' });
    await rig.turns();
    expect(peer.heardOf('welcome')).toMatchObject([{ last: { epoch: 'E2', seq: 0 } }]);
    peer.say(peer.event(1), peer.event(2, { epoch: 'E1', content: 'late' }));
    await rig.settled();
    const acks = peer.heardOf('ack').map(({ epoch, upto }) => [epoch, upto]);
    expect(new Map(acks as [string, number][])).toEqual(
      new Map([
        ['E1', 2],
        ['E2', 1],
      ]),
    );
  });

  test('is refused for another stream: one connection speaks for one', async () => {
    const peer = await rig.welcomed();
    // A stream under which nothing comes is forgotten when its peer has left.
    peer.sends(1);
    peer.hello({ stream: 'other' });
    await rig.turns();
    expect([peer.heardOf('error').map(({ code }) => code), peer.closedWith]).toEqual([[106], 4503]);
    expect(rig.streams.size).toBe(1);
  });

  test('of new epochs without end keeps only the newest ones', async () => {
    const peer = await rig.welcomed();
    for (let epoch = 2; epoch < 50; epoch += 1) {
      peer.hello({ epoch: `E${epoch}` });
      await rig.turns();
    }
    peer.heard();
    peer.say(peer.event(1, { epoch: 'E46' }), peer.event(1, { epoch: 'E1' }));
    await rig.settled();
    const codes = peer.heard().map((frame) => (frame.op === 'nack' ? frame.code : frame.op));
    expect(new Set(codes)).toEqual(new Set([113, 'ack']));
  });
});

describe('a drain', () => {
  test('says so, reads no more, answers what was read and does so before it ends', async () => {
    const peer = await rig.welcomed();
    rig.appender.hold();
    peer.sends(1);
    await rig.turns();
    const drained = peer.session.drained();
    expect(peer.heard()).toMatchObject([{ op: 'drain' }]);
    expect(peer.socket.isPaused).toBe(true);
    // What keeps others going does not make this one read again.
    peer.wire.resume('log');
    expect(peer.socket.isPaused).toBe(true);
    rig.appender.release();
    await drained;
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 1 }]);
    await peer.wire.end('shutdown');
    expect(peer.closedWith).toBe(4001);
  });

  test('is not ended by another hello', async () => {
    const peer = await rig.welcomed();
    const drained = peer.session.drained();
    peer.hello({ epoch: 'E2' });
    await drained;
    await rig.turns();
    expect(peer.heardOf('welcome')).toEqual([]);
    expect(peer.session.canTake).toBe(false);
  });
});

describe('a peer that does not read', () => {
  test('is given nothing more, and closed', async () => {
    const peer = await rig.welcomed();
    peer.socket.bufferedAmount = 600_000;
    expect(peer.session.canTake).toBe(false);
    rig.pass(1_000, peer);
    expect(peer.closedWith).toBeUndefined();
    peer.socket.bufferedAmount = 1_100_000;
    rig.pass(2_000, peer);
    expect(peer.socket.closes).toHaveLength(1);
    expect(peer.closedWith).toBe(4005);
  });
});
