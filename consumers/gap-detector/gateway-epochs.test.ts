import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { CLOSED_BY_SUCCESSOR, OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { EPOCH, GatewayEpoch, judged, numbersOf, played, STEPS, settledEpoch } from './gateway-epoch.testing.ts';
import { GatewayLedger } from './gateway-ledger.ts';

const NO_STARTS = new Map<string, bigint>();
const LONG_AFTER_MS = 1_000_000;

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list[0] as T;
}

describe('an epoch is dead', () => {
  test('when it has been silent for long, and not before', () => {
    const epoch = settledEpoch(3);
    expect(only(judged(epoch, { nowMs: 20_000 }).epochs).state).toBe('live');
    expect(only(judged(epoch, { nowMs: 20_001 }).epochs).state).toBe('crashed');
  });

  test('when its instance has opened another since it last spoke, not when another instance has', () => {
    const old = settledEpoch(3, { nowMs: 1_000 });
    const states = (instance: string, nowMs: number) => {
      const ledger = new GatewayLedger();
      old.read(ledger);
      const next = new GatewayEpoch({ gatewayEpoch: 'next', instance, nowMs });
      next.read(ledger);
      return ledger.judge(old.positions, NO_STARTS, 2_000).epochs.map(({ state }) => state);
    };
    expect(states('communicator-1', 1_500)).toEqual(['crashed', 'live']);
    expect(states('communicator-2', 1_500)).toEqual(['live', 'live']);
    expect(states('communicator-1', 500)).toEqual(['live', 'crashed']);
  });

  // It opened after the checkpoints were read and before the frames were: no reason to call it dead.
  test('not while its frames are young, though no checkpoint of it is known', () => {
    const ledger = new GatewayLedger();
    ledger.observe('young', 1, 100_000);
    const { findings, epochs } = ledger.judge(new Map(), NO_STARTS, 101_000);
    expect([findings, only(epochs)]).toMatchObject([[], { state: 'live', tail: null }]);
  });

  test('and unaudited when no checkpoint of it is left', () => {
    const ledger = new GatewayLedger();
    for (const number of [4, 7]) ledger.observe('orphan', number, 0);
    const { findings, epochs } = ledger.judge(new Map(), NO_STARTS, LONG_AFTER_MS);
    expect(only(epochs)).toMatchObject({ state: 'crashed', tail: null, missing: 0 });
    expect(only(findings)).toMatchObject({ kind: 'expired-unaudited', gatewayEpoch: 'orphan', from: 1, to: 7 });
  });

  test('or has spoken since a given time', () => {
    const ledger = new GatewayLedger();
    expect(ledger.heardSince(0, 0)).toBe(true);
    settledEpoch(3, { nowMs: 5_000 }).read(ledger);
    expect(ledger.heardSince(5_000, 6_000)).toBe(true);
    ledger.observe(EPOCH, 4, 9_000);
    // A frame is no checkpoint: it says nothing about the frames before it.
    expect(ledger.heardSince(5_001, 9_000)).toBe(false);
    expect(ledger.heardSince(5_001, 60_000)).toBe(true);
  });
});

describe('what has expired', () => {
  const starts = (...offsets: readonly bigint[]) =>
    new Map(offsets.map((offset, partition) => [`log-${partition}`, offset]));

  test('is left out and never called missing, while what is left is judged', () => {
    fc.assert(
      fc.property(STEPS, fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }), fc.boolean(), (steps, cut, isKilled) => {
        const epoch = played(steps);
        if (isKilled) epoch.closedFor();
        else epoch.close();
        const logStarts = starts(
          ...epoch.partitions.map((log, partition) => BigInt(Math.min(log.length, cut[partition] as number))),
        );
        const { findings } = judged(epoch, { logStarts });
        expect(findings).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('does not hide a loss behind it', () => {
    const epoch = settledEpoch(30);
    for (let number = 0; number < 30; number += 1) {
      epoch.receive(number);
      epoch.append(number);
    }
    epoch.close();
    const { findings, epochs } = judged(epoch, { logStarts: starts(10n, 10n, 10n), without: new Set([5, 40]) });
    expect(numbersOf(findings, 'missing')).toEqual([40]);
    expect(only(epochs).missing).toBe(1);
  });

  test('does not hide a loss on another partition, though others have written on since', () => {
    const epoch = new GatewayEpoch();
    epoch.receive(0);
    epoch.append(0);
    epoch.checkpoint('progress');
    for (let number = 0; number < 9; number += 1) {
      epoch.receive(1);
      epoch.append(1);
    }
    epoch.close();
    const { findings } = judged(epoch, { logStarts: starts(80n), without: new Set([6]) });
    expect(numbersOf(findings, 'missing')).toEqual([6]);
  });

  test('hides little of a long epoch, though only some of its checkpoints are remembered', () => {
    const epoch = new GatewayEpoch();
    for (let number = 0; number < 3_000; number += 1) {
      epoch.receive(number);
      epoch.append(number);
      epoch.checkpoint('progress');
    }
    epoch.close();
    const { findings } = judged(epoch, { logStarts: starts(100n, 100n, 100n), without: new Set([299, 400]) });
    expect(numbersOf(findings, 'missing')).toEqual([400]);
  });

  test('on partitions that an epoch never wrote to says nothing about it', () => {
    const epoch = new GatewayEpoch();
    for (let number = 0; number < 6; number += 1) {
      epoch.receive(0);
      epoch.append(0);
    }
    epoch.close();
    const logStarts = new Map([
      ['log-1', 500n],
      ['log-2', 7n],
      ['pmc.sources-3', 90n],
    ]);
    const { findings } = judged(epoch, { logStarts, without: new Set([2]) });
    expect(numbersOf(findings, 'missing')).toEqual([2]);
  });

  test('makes the end of a crashed epoch no wider than what can have been in flight', () => {
    fc.assert(
      fc.property(STEPS, fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }), (steps, cut) => {
        const inFlightMax = 4;
        const epoch = played(steps, inFlightMax);
        const logStarts = starts(
          ...epoch.partitions.map((log, partition) => BigInt(Math.min(log.length, cut[partition] as number))),
        );
        for (const { tail } of judged(epoch, { logStarts }).epochs)
          expect(tail?.to ?? 0).toBeLessThanOrEqual(epoch.received + inFlightMax);
      }),
      { numRuns: 500 },
    );
  });

  test('of an epoch that its successor closed is judged as that of any other', () => {
    const epoch = settledEpoch(30);
    for (let number = 0; number < 30; number += 1) {
      epoch.receive(number);
      epoch.append(number);
    }
    epoch.checkpoint('progress');
    epoch.closedFor();
    const { findings, epochs } = judged(epoch, { logStarts: starts(10n, 10n, 10n), without: new Set([5, 40]) });
    expect(numbersOf(findings, 'missing')).toEqual([40]);
    expect(only(epochs)).toMatchObject({ from: 31, judgedUpTo: 60, missing: 1, tail: null });
    // Nor is it judged before its own appends have been read.
    const unread = judged(epoch, { positions: new Map(), without: new Set(Array.from({ length: 61 }, (_, i) => i)) });
    expect([unread.findings, only(unread.epochs).judgedUpTo]).toEqual([[], 0]);
  });

  test('takes an epoch with it that lies before it altogether', () => {
    const epoch = settledEpoch(9);
    expect(judged(epoch, { logStarts: starts(50n, 50n, 50n) })).toEqual({ epochs: [], findings: [] });
  });
});

test('a tail has the time when its gateway was last heard of, and a missing frame that of the checkpoint which first had it', () => {
  const ledger = new GatewayLedger();
  const about = { ...BLANK_CHECKPOINT, gatewayEpoch: 'e', instance: 'i', inFlightMax: 8 };
  const lost = [5, 15];
  for (const [at, upTo] of [
    [1_000, 0],
    [2_000, 10],
    [40_000, 20],
  ] as const)
    ledger.checkpoint({
      ...about,
      kind: at === 1_000 ? 'opened' : 'progress',
      at,
      received: upTo,
      settledUpTo: upTo,
    });
  for (let number = 1; number <= 20; number += 1) if (!lost.includes(number)) ledger.observe('e', number, 1_500);
  const { findings } = ledger.judge(new Map(), new Map(), 100_000);
  expect(findings.map(({ kind, from, receivedAt }) => [kind, from, receivedAt])).toEqual([
    ['missing', 5, 2_000],
    // Some time in 38 seconds is no time.
    ['missing', 15, undefined],
    ['tail-unknown', 21, 40_000],
  ]);
});

type Said = Parameters<GatewayLedger['checkpoint']>[0];

function said(
  gatewayEpoch: string,
  at: number,
  ends: Readonly<Record<number, number>>,
  more: Partial<Said> = {},
): Said {
  const all = Object.entries(ends).map(([name, offset]) => ({ topic: 't', partition: Number(name), offset }));
  const about = { gatewayEpoch, instance: gatewayEpoch, inFlightMax: 8, at, ends: all };
  return { ...BLANK_CHECKPOINT, kind: 'progress', ...about, ...more };
}

describe('an epoch that closed itself, and is closed once more by a process that found its account on the disk', () => {
  const reason = CLOSED_BY_SUCCESSOR;
  const own = { settledUpTo: 10, received: 10, instance: 'i' };
  const last = { kind: 'closed', instance: 'i', reason } as const;
  const resent = (from: number, to: number) => ({ settledElsewhere: [{ from, to, reason: 'unacknowledged' }] });
  const judgedWith = (more: Partial<Said>, lost?: number) => {
    const ledger = new GatewayLedger();
    for (let number = 1; number <= 10; number += 1) if (number !== lost) ledger.observe('e', number, 1_500);
    ledger.checkpoint(said('e', 1_000, {}, { kind: 'opened', instance: 'i' }));
    ledger.checkpoint(said('e', 2_000, { 0: 10 }, { ...own, kind: 'closed', reason: 'shutdown' }));
    ledger.checkpoint(said('e', 60_000, { 0: 8 }, { ...last, ...more }));
    return ledger.judge(new Map([['t-0', 10n]]), NO_STARTS, LONG_AFTER_MS);
  };

  test('has no open end, whatever that one does not know', () => {
    for (const more of [
      { settledUpTo: 10, received: OPEN_END },
      { settledUpTo: 6, received: OPEN_END, ...resent(5, 6) },
      { settledUpTo: 6, received: 6, ...resent(7, OPEN_END) },
    ]) {
      const { findings, epochs } = judgedWith(more);
      expect(findings).toEqual([]);
      expect(only(epochs)).toMatchObject({ state: 'closed', settledUpTo: 10, elsewhere: 0, tail: null });
    }
  });

  test('has lost what it called settled, though that one says it is sent again', () => {
    const { findings } = judgedWith({ settledUpTo: 8, received: OPEN_END, ...resent(5, 8) }, 7);
    expect(numbersOf(findings, 'missing')).toEqual([7]);
  });

  test('is another than one that did not: what a second successor says counts as what the first said', () => {
    const ledger = new GatewayLedger();
    ledger.checkpoint(said('e', 1_000, {}, { kind: 'opened', instance: 'i' }));
    for (const at of [60_000, 70_000])
      ledger.checkpoint(said('e', at, {}, { ...last, received: at === 60_000 ? 0 : OPEN_END }));
    expect(numbersOf(ledger.judge(new Map(), NO_STARTS, LONG_AFTER_MS).findings, 'tail-unknown')).toHaveLength(8);
  });
});

describe('what has left the log', () => {
  const ledger = new GatewayLedger();
  for (const one of [
    said('old', 1_000, {}),
    said('old', 2_000, { 0: 10, 1: 4 }),
    said('old', 3_000, { 0: 20, 1: 4 }),
    said('new', 4_000, { 2: 7 }),
    said('new', 5_000, { 0: 30, 2: 9 }),
  ])
    ledger.checkpoint(one);
  const untilMs = (starts: Readonly<Record<number, number>>) =>
    ledger.forgotten(new Map(Object.entries(starts).map(([name, start]) => [`t-${name}`, BigInt(start)]))).untilMs;

  test('had come when an end was said that is not below where the log begins, whoever said it', () => {
    expect([untilMs({ 0: 10 }), untilMs({ 0: 11 }), untilMs({ 0: 21 })]).toEqual([2_000, 3_000, 5_000]);
    expect([untilMs({ 0: 10, 1: 4 }), untilMs({ 0: 10, 2: 8 })]).toEqual([2_000, 5_000]);
  });

  test('had come by the last end that was said, where nobody has come so far by a word', () => {
    expect([untilMs({ 1: 5 }), untilMs({ 0: 31 }), untilMs({ 9: 5 })]).toEqual([2_000, 5_000, 1_000]);
    expect(new GatewayLedger().forgotten(new Map([['t-0', 1n]])).untilMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('is nothing where every partition has its first record', () => {
    const { starts, untilMs: none } = ledger.forgotten(new Map([['t-0', 0n]]));
    expect([starts.size, none]).toEqual([0, 0]);
  });
});

test('ranges of a checkpoint take no longer for being wide', () => {
  const wide = new GatewayLedger();
  const [settledUpTo, reason] = [2 ** 52, 'sampled'];
  const settledElsewhere = [{ from: 2, to: 1e12, reason }];
  const numbers = { settledUpTo, received: settledUpTo + 1, settledElsewhere, inFlightMax: 8 };
  const spool = { spoolFrom: 2 ** 51, spoolTo: settledUpTo };
  wide.observe('e', 1, 0, { topic: 't', partition: 0, offset: 0n });
  wide.checkpoint(said('e', 0, { 0: 1 }, { ...numbers, ...spool }));
  const { findings, epochs } = wide.judge(new Map([['t-0', 1n]]), NO_STARTS, LONG_AFTER_MS);
  expect(findings).toMatchObject([
    { kind: 'missing', from: 1e12 + 1, to: settledUpTo },
    { kind: 'spooled-elsewhere', from: 2 ** 51, to: settledUpTo },
    { kind: 'tail-unknown' },
  ]);
  expect(epochs).toMatchObject([{ inLog: 1, elsewhere: 1e12 - 1, missing: settledUpTo - 1e12 }]);
});
