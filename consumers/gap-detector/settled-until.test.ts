import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLOSED_BY_SUCCESSOR, OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { Audit, byNext, type Said, World } from './settled-until.testing.ts';

/** An epoch that had settled two frames and said so; of those behind, the third is on its way and the fourth on the log. */
function ended(): Audit {
  const audit = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 2, 1_500);
  return audit.said('old', 2_000, { settledUpTo: 2, received: 2 }).frame('old', 4, 4, 3_000, 1);
}

const unacknowledged = { from: 3, to: OPEN_END, reason: 'unacknowledged' };
const ENDS: readonly (readonly [string, Said | undefined])[] = [
  ['was killed', undefined],
  ['closed with it in flight', { kind: 'closed', settledUpTo: 2, received: 4 }],
  ['its successor closed', { ...byNext, settledUpTo: 2, received: 2, settledElsewhere: [unacknowledged] }],
  ['its successor closed without knowing its end', { ...byNext, settledUpTo: 2, received: OPEN_END }],
];
/** A gateway that is killed closes nothing itself: whenever the next one comes, the frame before the last is no less in flight. */
const CLOSED_MS = [4_000, 6_000, 11_000, 60_000];
const WAYS = ENDS.flatMap(([how, said]) => {
  const times = said?.reason === CLOSED_BY_SUCCESSOR ? CLOSED_MS : [4_000];
  return times.map((atMs) => [how, atMs, said] as const);
});

describe.each(WAYS)('a number in flight at a gateway that %s, at %i ms', (_how, atMs, said) => {
  const dead = (): Audit => (said === undefined ? ended() : ended().said('old', atMs, said));

  test('is no gap while nobody has received what came after it', () => {
    expect(dead().judge().gaps).toEqual([]);
    expect(dead().said('new', 90_000, { kind: 'opened' }).judge(100_000).gaps).toEqual([]);
    // Nor when it comes again, or waits at the next one.
    const again = dead()
      .said('new', 90_000, { kind: 'opened' })
      .frame('new', 1, 3, 100_000)
      .frame('new', 2, 4, 100_001);
    expect(again.frame('new', 3, 5, 100_002).judge(200_000).gaps).toEqual([]);
    const waits = dead()
      .said('new', 90_000, { kind: 'opened' })
      .frame('new', 2, 4, 100_001)
      .frame('new', 3, 5, 100_002);
    expect(waits.said('new', 195_000, { received: 3 }).judge(200_000).gaps).toEqual([]);
  });

  test('is a gap when a later one has settled what came after it without it', () => {
    const on = dead().said('new', 90_000, { kind: 'opened' }).frame('new', 1, 5, 100_000);
    expect(on.judge(109_000).gaps).toEqual([]);
    on.said('new', 195_000, { settledUpTo: 1, received: 1 });
    expect(on.judge(200_000).gaps).toEqual([3]);
  });
});

test('what a successor tells ahead of its last word is of no time at which the gateway received anything', () => {
  const audit = ended().said('old', 11_000, { reason: CLOSED_BY_SUCCESSOR, received: 3 });
  audit.said('old', 11_000, { ...byNext, settledUpTo: 3, received: OPEN_END });
  expect(audit.judge().gaps).toEqual([]);
});

test('a number that was in flight beside the spool is settled by its successor, and comes again', () => {
  const elsewhere = [{ from: 3, to: 3, reason: 'unacknowledged' }];
  const last = { ...byNext, settledUpTo: 4, received: OPEN_END, settledElsewhere: elsewhere };
  const audit = ended()
    .said('old', 9_000, { settledUpTo: 2, received: 4, spoolFrom: 4, spoolTo: 4 })
    .said('old', 60_000, last);
  expect(audit.judge().gaps).toEqual([]);
  audit.said('new', 90_000, { kind: 'opened' }).frame('new', 1, 5, 100_000);
  expect(audit.said('new', 195_000, { settledUpTo: 1, received: 1 }).judge(200_000).gaps).toEqual([3]);
});

test('what nobody can say of a killed gateway is unknown, and no gap besides', () => {
  expect(ended().judge()).toEqual({ gaps: [], unknown: [3, 4, 5, 6, 7, 8, 9, 10, 11] });
});

test('a number that a killed gateway had settled its successors without, or that one left nothing behind, is a gap at once', () => {
  const killed = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 3, 1_500);
  expect(killed.said('old', 9_000, { settledUpTo: 2, received: 2 }).judge().gaps).toEqual([2]);
  const closed = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 3, 1_500);
  expect(closed.said('old', 1_600, { kind: 'closed', settledUpTo: 2, received: 2 }).judge().gaps).toEqual([2]);
});

test('a number in the spool of a gateway that is away is no gap, whoever went on: its source was told that it is safe', () => {
  const audit = ended().said('old', 4_000, { settledUpTo: 2, received: 4, spoolFrom: 3, spoolTo: 4 });
  audit.said('new', 90_000, { kind: 'opened' }).frame('new', 1, 5, 100_000);
  audit.said('new', 590_000, { settledUpTo: 1, received: 1 });
  expect(audit.judge().gaps).toEqual([]);
  expect(audit.frame('old', 3, 3, 2_500).judge().gaps).toEqual([]);
});

const STEP = fc.record({
  what: fc.constantFrom(
    'send',
    'send',
    'send',
    'append',
    'append',
    'speak',
    'speak',
    'kill',
    'open',
    'lose',
    'spool',
    'close',
  ),
  partition: fc.nat(2),
  isAcknowledged: fc.boolean(),
  back: fc.nat(1),
  afterMs: fc.constantFrom(0, 100, 3_000, 15_000, 70_000),
});

test('whatever is killed: no number that its source will send again is ever a gap, and all that it has lost are one in the end', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60, size: 'max' }), (steps) => {
      const world = new World();
      const gaps = () => world.audit.judge(world.nowMs).gaps;
      for (const { what, partition, isAcknowledged, back, afterMs } of steps) {
        if (what === 'send') world.send(partition);
        if (what === 'append') world.append(partition, isAcknowledged, back);
        if (what === 'speak') world.speak();
        if (what === 'kill') world.kill();
        if (what === 'open') world.open();
        if (what === 'lose') world.lose();
        if (what === 'spool') world.spool(partition);
        if (what === 'close') world.close();
        world.nowMs += afterMs;
        expect(gaps().filter((seq) => !world.lost.has(seq))).toEqual([]);
      }
      // Everybody comes to an end, and the source goes on.
      for (const _ of steps) world.close();
      for (let number = 0; number < 60 + steps.length; number += 1) world.send(number % 3);
      for (const partition of [0, 1, 2]) for (const back of steps.keys()) world.append(partition, true, back);
      for (const partition of [0, 1, 2]) world.append(partition, true, 0);
      world.nowMs += 10_000;
      world.speak();
      world.nowMs += 60_000;
      world.speak();
      expect(gaps()).toEqual([...world.lost].filter((seq) => !world.logged.has(seq)).sort((a, b) => a - b));
      found += gaps().length;
    }),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(0);
});
