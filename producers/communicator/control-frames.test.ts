import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { GRANTED, type Peer, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

/** One control frame a second, 512 at once. */
const LIMITED = { ...GRANTED, rate: 1, burst: 3 };
const BURST = 2 * PROTOCOL_LIMITS.window;
const REPLY_ID = '0190a1b2-0000-7000-8000-000000000001';

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.open();
});

async function counted(): Promise<Readonly<Record<string, number>>> {
  const { values } = await rig.metrics.controlFrames.get();
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.op} ${labels.outcome}`, value]));
}

/** For so many seconds, in each of them ten frames. */
async function flood(peer: Peer, seconds: number, frame: (number: number) => object | string): Promise<void> {
  for (let number = 0; number < seconds * 10; number += 1) {
    peer.say(frame(number));
    if (number % 10 > 0) continue;
    await rig.turns();
    rig.pass(1_000, peer);
    peer.socket.emit('pong');
  }
}

describe('a hello that is said again', () => {
  test('is welcomed, and what became of the events before is said once for each epoch', async () => {
    const first = await rig.welcomed();
    for (let seq = 1; seq <= 200; seq += 1) first.sends(seq);
    await rig.settled();
    first.hello({ epoch: 'E2' });
    await rig.turns();
    first.sends(1);
    await rig.settled();
    first.socket.closed(1006);
    const peer = rig.connect();
    for (let count = 0; count < 50; count += 1) {
      for (const epoch of ['E1', 'E2']) peer.hello({ epoch, resume: { out: { epoch, seq: 200, acked: 0 } } });
    }
    await rig.turns();
    const heard = peer.heard();
    expect(heard.filter(({ op }) => op === 'welcome')).toHaveLength(100);
    const again = heard.flatMap((frame) => (frame.op === 'ack' ? frame.at.map(([seq]) => [frame.epoch, seq]) : []));
    expect(again).toHaveLength(201);
    expect(new Set(again.map(String)).size).toBe(201);
    expect(await counted()).toEqual({ 'hello taken': 102 });
  });

  test('is told the newest of very many', async () => {
    const first = await rig.welcomed();
    for (let seq = 1; seq <= 5_000; seq += 1) first.sends(seq);
    await rig.settled();
    const peer = rig.connect();
    peer.hello({ resume: { out: { epoch: 'E1', seq: 5_000, acked: 10 } } });
    await rig.turns();
    const again = peer.heardOf('ack').flatMap(({ at }) => at.map(([seq]) => seq));
    expect([again.length, again[0], again.at(-1)]).toEqual([4_096, 905, 5_000]);
  });

  test('has a rate, above which it begins nothing', async () => {
    const peer = await rig.welcomed({}, LIMITED);
    for (let count = 0; count < BURST + 10; count += 1) {
      peer.hello({ epoch: `E${count}` });
      await rig.turns();
    }
    const heard = peer.heard();
    expect(heard.filter(({ op }) => op === 'welcome')).toHaveLength(BURST);
    expect(heard.filter(({ op }) => op === 'error')).toEqual(
      Array.from({ length: 10 }, () => ({
        ...{ op: 'error', code: 109, temporary: true, ref: 'hello', retry_after_ms: 1_000 },
        reason: 'more control frames than the rate allows',
      })),
    );
    expect(await counted()).toEqual({ 'hello taken': BURST + 1, 'hello 109': 10 });
  });
});

describe('control frames without end', () => {
  test.each<[string, (number: number) => object | string]>([
    ['of a kind that nobody knows', () => ({ op: 'x' })],
    ['that are not whole', () => ({ op: 'ack' })],
    ['about an epoch that nobody knows', () => ({ op: 'unavailable', epoch: 'E9', from: 1, to: 2 })],
    ['about events that were never missing', () => ({ op: 'unavailable', epoch: 'E1', from: 1, to: 2 })],
    ['pings', (t) => ({ op: 'ping', t })],
    ['credit for nothing', () => ({ op: 'credit', n: 1 })],
    ['acknowledgements of nothing', () => ({ op: 'ack', ids: Array.from({ length: 1_000 }, () => 'x') })],
    ['acknowledgements faster than they are taken', () => ({ op: 'ack', ids: Array(1_000).fill(REPLY_ID) })],
  ])('are a minute above the rate: %s', async (_which, frame) => {
    const peer = await rig.welcomed({}, LIMITED);
    await flood(peer, 60, frame);
    expect(peer.closedWith).toBeUndefined();
    await flood(peer, 120, frame);
    expect(peer.closedWith).toBe(4006);
    // At most one answer to each.
    expect(peer.heard().filter(({ op }) => op !== 'ack').length).toBeLessThanOrEqual(1_800 + 180);
  });

  test('are no end of a peer that gives back for each dispatch', async () => {
    vi.spyOn(rig.downward, 'credit').mockReturnValue(true);
    const peer = await rig.welcomed({}, LIMITED);
    const frames = [
      { op: 'credit', n: 1 },
      { op: 'ack', ids: [REPLY_ID] },
      { op: 'ping', t: 1 },
    ];
    await flood(peer, 300, (number) => frames[number % 3] as object);
    await rig.settled();
    expect([peer.closedWith, peer.heardOf('pong').length]).toEqual([undefined, 1_000]);
    expect(await counted()).toEqual({
      ...{ 'hello taken': 1, 'credit taken': 1_000, 'ack taken': 1_000, 'ping taken': 1_000 },
    });
  });

  test('have no rate where the peer has none', async () => {
    const peer = await rig.welcomed();
    await flood(peer, 180, () => ({ op: 'x' }));
    expect([peer.closedWith, peer.heardOf('error').length]).toEqual([undefined, 1_800]);
  });
});

test('a ping gets back what it brought, as long as that is small: a pong may wait, with many others', async () => {
  const peer = await rig.welcomed();
  const small = [7, -0.5, 'x'.repeat(128), '', null];
  peer.say(...small.map((t) => ({ op: 'ping', t })), { op: 'ping' });
  expect(peer.heard()).toEqual([...small.map((t) => ({ op: 'pong', t })), { op: 'pong' }]);
  peer.say(...['x'.repeat(129), { a: 1 }, ['x'.repeat(60_000)]].map((t) => ({ op: 'ping', t })));
  expect(peer.heard()).toMatchObject(
    Array.from({ length: 3 }, () => ({ op: 'error', code: 105, ref: 'ping', reason: expect.stringMatching(/^t: /) })),
  );
});

test('a peer that reads nothing and asks on is closed by the next answer', async () => {
  const peer = await rig.welcomed();
  peer.socket.bufferedAmount = PROTOCOL_LIMITS.outgoingBytes + 1;
  peer.say({ op: 'ping', t: 1 }, { op: 'ping', t: 2 });
  expect([peer.heard(), peer.socket.closes]).toEqual([[], [[4005, expect.any(String)]]]);
});

test('each control frame is in one count', async () => {
  const peer = await rig.welcomed();
  peer.say(
    ...[{ op: 'ping' }, { op: 'pong' }, { op: 'ack', ids: [REPLY_ID] }, { op: 'ack', ids: ['x', REPLY_ID] }],
    ...[{ op: 'credit', n: 1 }, { op: 'constructor' }, { op: 7 }, { op: 'ping', event: 'message' }],
    ...[
      { op: 'unavailable', epoch: 'E1', from: 1, to: 2 },
      { op: 'unavailable', epoch: 'E9', from: 1, to: 2 },
    ],
    ...[{ op: 'hello', v: 1, stream: 'another', epoch: 'E1' }, { op: 'ping' }],
  );
  for (const frame of [{ op: 'ping' }, { op: 'hello' }, { op: 'hello', v: 7, stream: 's', epoch: 'E1' }])
    rig.connect().say(frame);
  const refused = rig.connect({ ok: false, error: 'unauthorized', reason: 'who', close: 'unauthorized' });
  refused.hello();
  refused.sends(1, 2, 3);
  await rig.settled();
  expect(await counted()).toEqual({
    ...{ 'hello taken': 1, 'ping taken': 1, 'pong taken': 1, 'ack taken': 1, 'ack 105': 1, 'credit taken': 1 },
    ...{ 'other 105': 2, 'unavailable taken': 1, 'unavailable 113': 1 },
    ...{ 'other 106': 1, 'hello 105': 1, 'hello 115': 1, 'hello 106': 1, 'hello 101': 1 },
  });
  expect((await rig.metrics.framesLeft.get()).values).toMatchObject([{ value: 4 }]);
});
