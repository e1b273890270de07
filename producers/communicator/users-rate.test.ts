import { describe, expect, test, vi } from 'vitest';
import { GRANTED, type Peer, Rig, STARTED_MS } from './session.testing.ts';
import { TokenBucket } from './token-bucket.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const MINUTES = 3;

const user = (name: string) => ({ ...GRANTED, source: `user:${name}`, rate: 50, burst: 50 });

/** Fifty events a second of all users together. */
async function crowded(): Promise<Rig> {
  return await Rig.open({ usersRate: new TokenBucket({ ratePerSecond: 50, burst: 50, nowMs: STARTED_MS }) });
}

/** A second goes by in which each of these sends so many, the first of them last. */
async function second(rig: Rig, peers: readonly Peer[], counts: readonly number[], of: (peer: Peer) => object) {
  for (const [index, peer] of [...peers.entries()].toReversed()) {
    for (let count = 0; count < (counts[index] ?? 0); count += 1) peer.say(of(peer));
  }
  await rig.settled();
  rig.pass(1_000, ...peers);
  for (const peer of peers) peer.socket.emit('pong');
}

describe('the rate of all users together', () => {
  test.each([
    ['without numbers', false],
    ['with numbers, each behind the one that was refused', true],
  ])('refuses for now, and ends nobody who keeps to its own: events %s', async (_which, isNumbered) => {
    const rig = await crowded();
    const [calm, busy, wild] = [
      await rig.welcomed({}, user('calm')),
      await rig.welcomed({}, user('busy')),
      await rig.welcomed({}, user('wild')),
    ];
    let seq = 0;
    const next = (peer: Peer): object => {
      seq += 1;
      return peer === calm && isNumbered ? peer.event(seq) : peer.event(undefined, { id: `e${seq}` });
    };
    for (let count = 0; count < MINUTES * 60; count += 1) await second(rig, [calm, busy, wild], [1, 50, 120], next);
    expect([calm.closedWith, busy.closedWith, wild.closedWith]).toEqual([undefined, undefined, 4006]);
    const refused = calm.heardOf('nack');
    expect(refused.length).toBeGreaterThan(60);
    for (const { code, retry_after_ms } of refused) expect([code, retry_after_ms]).toEqual([109, expect.any(Number)]);
  });

  test('costs no user anything of its own', async () => {
    const rig = await crowded();
    const [calm, busy] = [
      await rig.welcomed({}, { ...user('calm'), rate: 1, burst: 2 }),
      await rig.welcomed({}, user('busy')),
    ];
    for (let count = 0; count < 50; count += 1) busy.say(busy.event(undefined, { id: `b${count}` }));
    for (let count = 0; count < 10; count += 1) calm.say(calm.event(undefined, { id: `refused ${count}` }));
    await rig.settled();
    expect(calm.heardOf('nack')).toHaveLength(10);
    rig.nowMs += 40;
    // The common one has two by now, and the calm one all of its burst.
    calm.say(calm.event(undefined, { id: 'one' }), calm.event(undefined, { id: 'two' }));
    await rig.settled();
    expect(calm.heardOf('nack')).toEqual([]);
  });

  test('does not let off one that goes on behind what was refused faster than its own rate', async () => {
    const rig = await crowded();
    const [wild, busy] = [await rig.welcomed({}, user('wild')), await rig.welcomed({}, user('busy'))];
    let seq = 0;
    for (let count = 0; count < 120; count += 1) {
      await second(rig, [wild, busy], [120, 50], (peer) =>
        peer === wild ? peer.event((seq += 1)) : peer.event(undefined),
      );
    }
    expect([wild.closedWith, busy.closedWith]).toEqual([4006, undefined]);
  });
});
