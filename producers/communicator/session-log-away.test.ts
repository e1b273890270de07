// What somebody hears who comes while the log does not keep up, or is away.
import { expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { PmcError } from '../../service/errors.ts';
import { LOG_EPOCH, type Peer, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const IN_FLIGHT_MAX = 300;

/** Whoever connects now is to wait for the log. */
function arrives(rig: Rig): Peer {
  const peer = rig.connect();
  peer.wire.pause('log');
  return peer;
}

test('a hello is read and answered, and what is behind the welcome waits for the log', async () => {
  const rig = await Rig.open();
  const peer = arrives(rig);
  expect(peer.socket.isPaused).toBe(false);
  peer.hello();
  await rig.turns();
  expect(peer.heard()).toMatchObject([{ op: 'welcome' }]);
  expect(peer.socket.isPaused).toBe(true);
  peer.wire.resume('log');
  expect(peer.socket.isPaused).toBe(false);
});

test('while the log is away it is said right behind the welcome', async () => {
  const rig = await Rig.open();
  rig.isLogAway = true;
  const peer = arrives(rig);
  peer.hello();
  await rig.turns();
  const said = { op: 'error', code: 111, temporary: true, retry_after_ms: expect.any(Number) };
  expect(peer.heard()).toMatchObject([{ op: 'welcome' }, said]);
  expect(peer.closedWith).toBeUndefined();
});

test('a position that cannot be looked up is 111 in place of the welcome, and 4003', async () => {
  const ends = (): Promise<never> => Promise.reject(new PmcError('PMC_KAFKA_UNREACHABLE', 'away'));
  const rig = await Rig.open({ downward: { ends } });
  rig.isLogAway = true;
  const peer = arrives(rig);
  peer.hello({ resume: { in: { log_epoch: LOG_EPOCH, pos: { 'pmc.messages.outgoing/0': 1 } } } });
  await rig.turns();
  expect(peer.heard()).toMatchObject([{ op: 'error', code: 111 }]);
  expect(peer.closedWith).toBe(4003);
});

test('whoever says no hello is closed in time, and whoever does not wait for the welcome only as far as there is room', async () => {
  const rig = await Rig.open({ inFlightMax: IN_FLIGHT_MAX });
  rig.appender.hold();
  const mute = arrives(rig);
  rig.pass(PROTOCOL_LIMITS.helloMs, mute);
  expect(mute.closedWith).toBe(4505);
  const closes: (number | undefined)[] = [];
  for (let round = 0; round < 10; round += 1) {
    const peer = arrives(rig);
    peer.hello({ stream: `s${round}` });
    for (let seq = 1; seq <= 200; seq += 1) peer.say(peer.event(seq));
    await rig.turns();
    closes.push(peer.closedWith);
    peer.socket.closed(1006);
  }
  // The first two find room; the others keep what they have, and come back.
  expect(closes).toEqual([undefined, undefined, ...Array.from({ length: 8 }, () => 4003)]);
  expect(rig.ingest.settlement.received).toBe(IN_FLIGHT_MAX);
  rig.appender.release();
  await rig.settled();
  expect(rig.incoming()).toBe(400);
});

test('a newer connection replaces one that waits for the log', async () => {
  const rig = await Rig.open();
  const first = await rig.welcomed();
  first.wire.pause('log');
  const second = arrives(rig);
  second.hello();
  await rig.turns();
  expect([first.closedWith, second.heard()]).toMatchObject([4007, [{ op: 'welcome' }]]);
});

test('what is missing of a peer that waits for the log is not called lost', async () => {
  const rig = await Rig.open();
  const peer = await rig.welcomed();
  peer.say(peer.event(1));
  peer.say(peer.event(3));
  await rig.settled();
  rig.pass(1_000, peer);
  peer.wire.pause('log');
  rig.pass(5 * PROTOCOL_LIMITS.gapMs, peer);
  expect(rig.gaps.map(({ kind }) => kind)).toEqual(['gap_open']);
  peer.wire.resume('log');
  peer.say(peer.event(2));
  await rig.settled();
  rig.pass(1_000, peer);
  expect(rig.gaps.map(({ kind }) => kind)).toEqual(['gap_open', 'gap_closed']);
});

test('a peer that is paused again and again, and read in between, has what is missing given up in time', async () => {
  const rig = await Rig.open();
  const peer = await rig.welcomed();
  peer.say(peer.event(1));
  for (let seq = 3; seq < 3 + PROTOCOL_LIMITS.gapMs / 1_000 + 2; seq += 1) {
    peer.say(peer.event(seq));
    await rig.settled();
    peer.wire.pause('window');
    rig.pass(1_000, peer);
    peer.wire.resume('window');
  }
  expect(rig.gaps.map(({ kind }) => kind)).toEqual(['gap_open', 'gap_lost']);
});
