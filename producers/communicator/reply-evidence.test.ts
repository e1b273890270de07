import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Fate } from '../../kafka/scripted-appender.testing.ts';
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

describe('what a peer says that it has handled', () => {
  const replyId = '0190a1b2-0000-7000-8000-000000000001';
  test('is an event of its own on the log', async () => {
    peer.say({ op: 'ack', ids: [replyId, 'not one'] });
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 105, ref: 'not one' }]);
    const [record] = rig.appender.topic(TOPIC.incoming);
    const decoded = await rig.codec.decode(TOPIC.incoming, record?.value ?? null);
    expect(decoded).toMatchObject({
      ok: true,
      value: { kind: 'delivered', id: replyId, actor: GRANTED.source, seq: null },
    });
  });

  test('is on the log when the ping behind it is answered, and no ping before it waits', async () => {
    rig.appender.hold();
    peer.say({ op: 'ping', t: 1 }, { op: 'ack', ids: [replyId] }, { op: 'ping', t: 2 }, { op: 'ping', t: 3 });
    await rig.turns();
    expect(peer.heard()).toEqual([{ op: 'pong', t: 1 }]);
    rig.appender.release();
    await rig.settled();
    expect([peer.heard(), rig.incoming()]).toEqual([[2, 3].map((t) => ({ op: 'pong', t })), 1]);
  });

  test('leaves a bounded number of pings without their answer while the log does not answer', async () => {
    rig.appender.hold();
    peer.say({ op: 'ack', ids: [replyId] }, ...upTo(1_000).map((t) => ({ op: 'ping', t })));
    rig.appender.release();
    await rig.settled();
    expect(peer.heardOf('pong')).toHaveLength(256);
  });

  test('has a rate of its own, and above it waits its turn, and the ping behind it as well', async () => {
    peer = await rig.welcomed({}, { ...GRANTED, rate: 50, burst: 100 });
    const ids = (count: number) => Array.from({ length: count }, () => replyId);
    peer.say({ op: 'ack', ids: ids(1_000) }, { op: 'ack', ids: ids(800) }, { op: 'ping', t: 1 });
    await rig.settled();
    expect([peer.heard(), rig.incoming()]).toEqual([[], 1_000]);
    rig.pass(12_000, peer);
    await rig.settled();
    expect(rig.incoming()).toBe(1_600);
    const errors = peer.heard();
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject({ op: 'error', code: 109, temporary: true });
    rig.pass(4_000, peer);
    await rig.settled();
    expect([peer.heardOf('pong'), rig.incoming()]).toEqual([[{ op: 'pong', t: 1 }], 1_800]);
  });

  test('is refused where too much waits, and a pong that waits for the log is explained', async () => {
    peer = await rig.welcomed({}, { ...GRANTED, rate: 50, burst: 100 });
    for (let count = 0; count < 11; count += 1)
      peer.say({ op: 'ack', ids: Array.from({ length: 1_000 }, () => replyId) });
    peer.say({ op: 'ack', ids: [replyId] });
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 109, ref: replyId }]);
    const other = await rig.welcomed({}, { ...GRANTED, source: 'other' });
    rig.appender.hold();
    other.say({ op: 'ack', ids: [replyId] }, { op: 'ping', t: 1 });
    await rig.turns();
    rig.pass(10_000, other);
    expect(other.heard()).toMatchObject([{ op: 'error', code: 111 }]);
    rig.appender.release();
    await rig.settled();
    expect(other.heardOf('pong')).toEqual([{ op: 'pong', t: 1 }]);
  });

  test('and no topic takes is appended again, and the ping behind it waits for that', async () => {
    let fate: Fate = 'rejected';
    rig = await Rig.open({ fateOf: () => fate });
    peer = await rig.welcomed();
    peer.say({ op: 'ack', ids: [replyId] }, { op: 'ping', t: 1 });
    await rig.settled();
    expect(peer.heard()).toEqual([]);
    rig.pass(10_000, peer);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 111 }]);
    fate = 'acked';
    rig.pass(2_000, peer);
    await rig.settled();
    expect([peer.heardOf('pong'), rig.incoming()]).toEqual([[{ op: 'pong', t: 1 }], 1]);
  });

  test('is tried one at a time and ever more seldom while no topic takes any, and then all of it is appended', async () => {
    let fate: Fate = 'rejected';
    rig = await Rig.open({ fateOf: () => fate });
    peer = await rig.welcomed();
    peer.say({ op: 'ack', ids: Array.from({ length: 200 }, () => replyId) });
    await rig.settled();
    const refused = async () =>
      (await rig.metrics.settledElsewhere.get()).values.reduce((sum, { value }) => sum + value, 0);
    const atFirst = await refused();
    for (let passed = 0; passed < 600; passed += 1) {
      rig.pass(1_000, peer);
      await rig.settled();
    }
    const triedAgain = (await refused()) - atFirst;
    expect(triedAgain).toBeGreaterThan(0);
    expect(triedAgain).toBeLessThan(40);
    fate = 'acked';
    for (let passed = 0; passed < 95; passed += 1) {
      rig.pass(1_000, peer);
      await rig.settled();
    }
    expect(rig.incoming()).toBe(200);
  });
});
