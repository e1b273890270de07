import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { GAPS_MAX } from './seq-gaps.ts';
import { GRANTED, type Peer, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const LIMITED = { ...GRANTED, rate: 10, burst: 3 };

let rig: Rig;
let peer: Peer;

beforeEach(async () => {
  rig = await Rig.open();
  peer = await rig.welcomed();
});

function kinds(): readonly string[] {
  return rig.gaps.map(({ kind, from, to }) => `${kind} ${from}-${to}`);
}

function typing(seq: number | undefined): object {
  return peer.event(seq, { event: 'typing', status: 'composing' });
}

describe('a gap in the numbers', () => {
  test('is told, asked for, filled in any order, and told again; what lies behind it is safe meanwhile, by name', async () => {
    peer.sends(1, 4);
    await rig.settled();
    expect(peer.heard()).toMatchObject([
      { op: 'ack', upto: 1, at: [[1], [4]].map(([seq]) => expect.arrayContaining([seq])) },
    ]);
    rig.pass(1_000, peer);
    expect(peer.heard()).toMatchObject([{ op: 'resend', epoch: 'E1', from: 2, to: 3 }]);
    peer.sends(3, 2);
    await rig.settled();
    expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 4 });
    expect(kinds()).toEqual(['gap_open 2-3', 'gap_closed 2-3']);
  });

  test('that the source cannot fill is lost by name, and all behind it counts', async () => {
    peer.sends(1, 5);
    await rig.settled();
    peer.heard();
    peer.say({ op: 'unavailable', epoch: 'E1', from: 2, to: 3 });
    peer.sends(4);
    await rig.settled();
    expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 5 });
    expect(kinds()).toEqual(['gap_open 2-4', 'gap_lost 2-3']);
  });

  test('is lost after a minute, and the peer is told that all behind it counts', async () => {
    peer.sends(1, 3);
    await rig.settled();
    peer.heard();
    rig.pass(59_000);
    expect(kinds()).toEqual(['gap_open 2-2']);
    rig.pass(1_000);
    expect(kinds()).toEqual(['gap_open 2-2', 'gap_lost 2-2']);
    await rig.turns();
    expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 3, at: [] });
    rig.pass(60_000);
    expect(kinds()).toHaveLength(2);
  });

  test('is not lost while its source is away, which may still have it', async () => {
    peer.sends(1, 3);
    await rig.settled();
    peer.socket.closed(1006);
    rig.pass(300_000);
    expect(kinds()).toEqual(['gap_open 2-2']);
    const again = rig.connect();
    again.hello({ resume: { out: { epoch: 'E1', seq: 3 } } });
    await rig.turns();
    expect(again.heard()).toMatchObject([{ op: 'welcome', last: { epoch: 'E1', seq: 1 } }]);
    again.sends(2);
    await rig.settled();
    expect(again.heardOf('ack').at(-1)).toMatchObject({ upto: 3 });
    expect(kinds()).toEqual(['gap_open 2-2', 'gap_closed 2-2']);
  });

  test('of an epoch that was never announced cannot be given up', async () => {
    peer.say({ op: 'unavailable', epoch: 'E7', from: 1, to: 2 });
    await rig.turns();
    expect(peer.heard()).toMatchObject([{ op: 'error', code: 113 }]);
  });

  test.each([
    ['jumps', (index: number) => [2 * index]],
    ['numbers out of a wide one', (index: number) => (index === 1 ? [1_000_000] : [2 * index])],
  ])('is one of so many: a peer that makes more by %s has to come back', async (_how, seqsOf) => {
    for (let index = 1; index <= GAPS_MAX + 1_000; index += 1) peer.sends(...seqsOf(index));
    await rig.settled();
    expect(peer.heardOf('error').map(({ code }) => code)).toEqual([110]);
    expect(peer.socket.closes).toEqual([[4008, expect.any(String)]]);
    expect(rig.incoming()).toBe(GAPS_MAX);
  });

  test('is one of so many also for what is given up', async () => {
    peer.sends(1_000_000);
    for (let seq = 2; seq < 10_000; seq += 2) peer.say({ op: 'unavailable', epoch: 'E1', from: seq, to: seq });
    await rig.settled();
    expect(peer.closedWith).toBe(4008);
    expect(rig.gaps.length).toBeLessThanOrEqual(GAPS_MAX + 1);
  });
});

describe('above its rate', () => {
  beforeEach(async () => {
    peer = await rig.welcomed({}, LIMITED);
  });

  test('an event is to be sent again after a while, stays missing until then, and is no gap', async () => {
    peer.sends(1, 2, 3, 4, 5);
    await rig.settled();
    const heard = peer.heard();
    expect(heard).toMatchObject([
      { op: 'nack', seq: 4, code: 109, retry_after_ms: 100 },
      { op: 'nack', seq: 5, code: 109, retry_after_ms: 200 },
      { op: 'ack', upto: 3 },
    ]);
    rig.nowMs += 1_000;
    peer.sends(4, 5);
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 5 }]);
    expect([rig.incoming(), rig.gaps, rig.elsewhere()]).toEqual([5, [], { 'refused-for-now': 2 }]);
  });

  test('jumps are told when what is behind them is taken, and not before', async () => {
    peer.sends(1, 2, 3);
    for (let seq = 5; seq < 1_000; seq += 2) peer.sends(seq);
    await rig.settled();
    expect(rig.gaps).toEqual([]);
    rig.nowMs += 1_000;
    peer.sends(5, 7, 9);
    await rig.settled();
    expect([kinds(), rig.incoming()]).toEqual([['gap_open 4-4', 'gap_open 6-6', 'gap_open 8-8'], 6]);
  });

  test('one that never comes again is lost by name', async () => {
    peer.sends(1, 2, 3, 4);
    await rig.settled();
    rig.pass(60_000);
    expect(kinds()).toEqual(['gap_lost 4-4']);
  });

  test('one without a number is refused by its id', async () => {
    for (const id of ['a', 'b', 'c', 'd']) peer.say(peer.event(undefined, { id }));
    await rig.settled();
    expect(peer.heardOf('nack')).toMatchObject([{ id: 'd', code: 109, retry_after_ms: 100 }]);
  });

  test('typing is left out first, counted by its numbers, and is no event that anybody waits for', async () => {
    for (let seq = 1; seq <= 6; seq += 1) peer.say(typing(seq));
    peer.sends(7);
    await rig.settled();
    // What is left out counts as settled once the log knows of it.
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 3 }]);
    let tell = (): void => undefined;
    rig.toldGaps = new Promise((resolve) => (tell = resolve));
    rig.pass(1_000);
    await rig.settled();
    expect([kinds(), peer.heard()]).toEqual([['sampled 4-6'], []]);
    tell();
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 7 }]);
    expect([rig.incoming(), rig.elsewhere()]).toEqual([4, { sampled: 3 }]);
    peer.say(typing(5));
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 7, at: [] }]);
    expect(rig.incoming()).toBe(4);
  });

  test('typing that was settled before anybody here knew is answered when it comes again', async () => {
    peer.socket.closed(1006);
    peer = await rig.welcomed({ resume: { out: { epoch: 'E1', seq: 10, acked: 10 } } }, LIMITED);
    for (let seq = 11; seq <= 13; seq += 1) peer.say(typing(seq));
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 13 }]);
    peer.say(typing(5));
    await rig.settled();
    expect(peer.heard()).toMatchObject([{ op: 'ack', upto: 13 }]);
    expect([rig.incoming(), rig.elsewhere()]).toEqual([3, { sampled: 1 }]);
  });

  test('typing without a number is refused for good by its id: nobody waits for it', async () => {
    for (let count = 1; count <= 4; count += 1) peer.say(typing(undefined));
    await rig.settled();
    const nacks = peer.heardOf('nack');
    expect(nacks).toMatchObject([{ id: 'mundefined', code: 109 }]);
    expect(nacks[0]).not.toHaveProperty('retry_after_ms');
  });

  test('another body for a number that is on its way leaves the first where it is', async () => {
    rig.appender.hold();
    peer.sends(1, 2, 3);
    peer.say(peer.event(3, { content: 'another' }));
    rig.appender.release();
    await rig.settled();
    expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 3 });
    expect(rig.incoming()).toBe(3);
  });

  test('a peer that does not listen for a minute is closed once, and one that pauses is not', async () => {
    let seq = 0;
    const flood = (): void => {
      for (let count = 0; count < 20; count += 1) peer.sends((seq += 1));
      rig.pass(1_000, peer);
      peer.socket.emit('pong');
    };
    for (let second = 0; second < 55; second += 1) flood();
    rig.pass(6_000, peer);
    for (let second = 0; second < 55; second += 1) flood();
    expect(peer.closedWith).toBeUndefined();
    for (let second = 0; second < 10; second += 1) flood();
    expect(peer.socket.closes).toEqual([[4006, expect.any(String)]]);
    await rig.settled();
    expect(rig.ingest.settlement.inFlight).toBe(0);
  });

  test.each([
    ['each of which is refused', 1, (index: number) => 2 * index],
    ['the last of which is refused', GAPS_MAX, (index: number) => Math.min(2 * index, 2 * GAPS_MAX + 1)],
  ])('a peer that makes too many gaps, %s, is closed by the refusal', async (_which, burst, seqOf) => {
    peer = await rig.welcomed({ stream: 't' }, { ...GRANTED, rate: 1, burst });
    for (let index = 1; index <= GAPS_MAX + 1 && peer.closedWith === undefined; index += 1) peer.sends(seqOf(index));
    await rig.settled();
    expect(peer.heardOf('error').map(({ code }) => code)).toEqual([110]);
    expect(peer.socket.closes).toEqual([[4006, expect.any(String)]]);
  });

  test('one that never sends again what was refused leaves one gap, however long it goes on', async () => {
    peer = await rig.welcomed({ stream: 't' }, { ...GRANTED, rate: 1_000, burst: 1 });
    for (let seq = 1; seq < 10_000; seq += 1) {
      peer.sends(seq);
      rig.nowMs += 0.5;
    }
    await rig.settled();
    expect([rig.incoming(), peer.closedWith]).toEqual([1, undefined]);
    rig.pass(PROTOCOL_LIMITS.gapMs);
    rig.pass(PROTOCOL_LIMITS.gapMs);
    // The first of them ends its time first; of the others there was word since.
    const lost = rig.gaps.map(({ kind, from, to }) => `${kind} ${from}-${to}`);
    expect(lost).toEqual(['gap_lost 2-2', 'gap_lost 3-9999']);
  });

  test.each([
    ['typing without end', (seq: number): object => ({ event: 'typing', status: 'composing', seq, chat: 'c' })],
    ['the same event without end', (): object => peer.event(1)],
  ])('counts %s as well', async (_what, next) => {
    peer = await rig.welcomed({ stream: 't' }, LIMITED);
    for (let second = 0, seq = 0; second < 120; second += 1) {
      for (let count = 0; count < 20; count += 1) peer.say(next((seq += 1)));
      rig.pass(1_000, peer);
      peer.socket.emit('pong');
    }
    expect(peer.closedWith).toBe(4006);
  });
});

describe('whatever is not taken', () => {
  test('has its ingestSeq all the same, and is settled by name', async () => {
    peer = await rig.welcomed({}, LIMITED);
    peer.sends(1, 2, 3, 4, 1, 2);
    await rig.settled();
    const { received, settledUpTo } = rig.ingest.settlement;
    expect([received, settledUpTo, rig.elsewhere()]).toEqual([6, 6, { 'refused-for-now': 1, duplicate: 2 }]);
  });
});
