import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { EPOCH, GatewayEpoch, judged, numbersOf, played, STEPS, settledEpoch } from './gateway-epoch.testing.ts';
import { type EpochReport, GatewayLedger } from './gateway-ledger.ts';

const NO_STARTS = new Map<string, bigint>();
const LONG_AFTER_MS = 1_000_000;

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list[0] as T;
}

describe('the account of a gateway epoch', () => {
  test('has nothing missing when nothing is, in whatever order frames settle', () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        expect(numbersOf(judged(played(steps)).findings, 'missing')).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('names exactly the frames that are gone from what was claimed', () => {
    fc.assert(
      fc.property(STEPS, fc.array(fc.nat(60), { maxLength: 6 }), (steps, picks) => {
        const epoch = played(steps);
        epoch.checkpoint('progress');
        const onLog = epoch.partitions.flat();
        const without = new Set(picks.map((pick) => onLog[pick % Math.max(1, onLog.length)] ?? 0));
        const claimed = [...without]
          .filter((number) => number > 0 && number <= epoch.settledUpTo)
          .sort((a, b) => a - b);
        const { findings, epochs } = judged(epoch, { without });
        expect(numbersOf(findings, 'missing')).toEqual(claimed);
        expect(only(epochs).missing).toBe(claimed.length);
      }),
      { numRuns: 500 },
    );
  });

  test('counts what was settled elsewhere, and calls missing what was settled nowhere', () => {
    const epoch = new GatewayEpoch();
    for (let number = 1; number <= 6; number += 1) epoch.receive(0);
    epoch.append(0);
    epoch.settleElsewhere(0, 'sampled');
    epoch.settleElsewhere(0, 'refused-by-broker');
    while (epoch.received > epoch.settledUpTo) epoch.append(0);
    epoch.checkpoint('closed');
    const { findings, epochs } = judged(epoch);
    expect(only(epochs)).toMatchObject({ inLog: 4, elsewhere: 1, missing: 1, settledUpTo: 6 });
    expect(only(findings)).toMatchObject({
      kind: 'missing',
      stage: 'gateway-to-log',
      gatewayEpoch: EPOCH,
      from: 3,
      to: 3,
    });
  });

  test('counts a frame once that is on the log twice', () => {
    const ledger = new GatewayLedger();
    const epoch = settledEpoch(9);
    epoch.read(ledger);
    epoch.read(ledger);
    expect(only(ledger.judge(epoch.positions, NO_STARTS, 0).epochs)).toMatchObject({ inLog: 9, missing: 0 });
  });

  test('says nothing of sources: their lines have no numbers', () => {
    const ledger = new GatewayLedger();
    const [opened] = settledEpoch(1).checkpoints;
    ledger.checkpoint({ ...(opened as NonNullable<typeof opened>), source: 'chat.example', settledUpTo: 99 });
    expect(ledger.judge(new Map(), NO_STARTS, LONG_AFTER_MS)).toEqual({ epochs: [], findings: [] });
  });
});

describe('what is judged', () => {
  test('is only what the log has been read for: a claim beyond the reading is no loss yet', () => {
    const epoch = settledEpoch(9);
    const positions = new Map(epoch.positions).set('log-1', 2n);
    const { findings, epochs } = judged(epoch, { positions, nowMs: 0, without: new Set([8]) });
    expect(findings).toEqual([]);
    expect(only(epochs)).toMatchObject({ settledUpTo: 9, judgedUpTo: 0 });
    positions.delete('log-1');
    expect(judged(epoch, { positions, nowMs: 0, without: new Set([8]) }).findings).toEqual([]);
  });

  // Under steady load the newest claim is always a moment ahead of the reading.
  test('is the highest claim that has been read for, not only the newest', () => {
    const epoch = settledEpoch(9);
    for (let number = 0; number < 6; number += 1) {
      epoch.receive(number);
      epoch.append(number);
    }
    const halfway = new Map(epoch.positions).set('log-2', 4n);
    epoch.checkpoint('progress');
    const { findings, epochs } = judged(epoch, { positions: halfway, nowMs: 0, without: new Set([5, 12]) });
    expect(only(epochs)).toMatchObject({ settledUpTo: 15, judgedUpTo: 9 });
    expect(numbersOf(findings, 'missing')).toEqual([5]);
  });

  test('is bounded in memory, and still reaches the newest claim', () => {
    const epoch = new GatewayEpoch();
    for (let number = 0; number < 3_000; number += 1) {
      epoch.receive(number);
      epoch.append(number);
      epoch.checkpoint('progress');
    }
    expect(only(judged(epoch, { nowMs: 0 }).epochs)).toMatchObject({ judgedUpTo: 3_000, missing: 0 });
    const behind = new Map(epoch.positions).set('log-2', (epoch.positions.get('log-2') as bigint) - 1n);
    expect(only(judged(epoch, { nowMs: 0, positions: behind }).epochs)).toMatchObject({
      judgedUpTo: 2_999,
      missing: 0,
    });
  });
});

describe('the tail', () => {
  test('of a crashed epoch covers every frame that was in flight, and is bounded by how many could be', () => {
    const steps = STEPS.map((some) => some.filter((step) => step.do !== 'elsewhere'));
    const picks = fc.array(fc.nat(60), { maxLength: 4 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), picks, (some, inFlightMax, lost) => {
        const epoch = played(some, inFlightMax);
        const claimed = epoch.checkpoints.at(-1)?.settledUpTo ?? 0;
        const without = new Set(
          lost.map((pick) => 1 + (pick % Math.max(1, claimed))).filter((number) => number <= claimed),
        );
        const { findings, epochs } = judged(epoch, { without });
        const { tail, state } = only<EpochReport>(epochs);
        const unknown = new Set(numbersOf(findings, 'tail-unknown'));
        expect(state).toBe('crashed');
        expect(epoch.lost.filter((number) => !unknown.has(number))).toEqual([]);
        expect(tail?.from).toBeGreaterThan(claimed);
        expect(tail?.to).toBeGreaterThanOrEqual(epoch.received);
        expect(tail?.to).toBeLessThanOrEqual(epoch.received + inFlightMax);
      }),
      { numRuns: 500 },
    );
  });

  test('is not shortened by frames that are missing below it', () => {
    const epoch = new GatewayEpoch({ inFlightMax: 4 });
    for (let number = 1; number <= 9; number += 1) {
      epoch.receive(1);
      epoch.append(1);
    }
    epoch.checkpoint('progress');
    epoch.receive(0);
    for (let number = 11; number <= 13; number += 1) {
      epoch.receive(1);
      epoch.append(1);
    }
    while (epoch.receive(0));
    expect(epoch.received).toBe(16);
    expect(only(judged(epoch, { without: new Set([5]) }).epochs).tail).toEqual({ from: 10, to: 16 });
  });

  test('is empty for a closed epoch, and for a live one', () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const epoch = played(steps);
        expect(judged(epoch, { nowMs: 20_000 })).toMatchObject({
          findings: [],
          epochs: [{ state: 'live', tail: null }],
        });
        epoch.close();
        expect(judged(epoch)).toMatchObject({ findings: [], epochs: [{ state: 'closed', tail: null }] });
      }),
    );
  });

  test('of an epoch that closed with frames in flight are those frames', () => {
    const epoch = settledEpoch(3);
    for (let number = 0; number < 4; number += 1) epoch.receive(0);
    epoch.append(0);
    epoch.checkpoint('closed');
    const { findings, epochs } = judged(epoch);
    expect(only(epochs).tail).toEqual({ from: 5, to: 7 });
    expect(only(findings)).toMatchObject({ kind: 'tail-unknown', from: 5, to: 7 });
  });

  test('of an epoch that a successor closed without knowing its end is bounded as that of a crashed one', () => {
    const epoch = settledEpoch(9);
    const ledger = new GatewayLedger();
    epoch.read(ledger);
    const last = { instance: epoch.instance, inFlightMax: 8, at: epoch.nowMs, gatewayEpoch: epoch.gatewayEpoch };
    ledger.checkpoint({ ...BLANK_CHECKPOINT, ...last, kind: 'closed', settledUpTo: 9, received: OPEN_END });
    const { epochs } = ledger.judge(epoch.positions, NO_STARTS, LONG_AFTER_MS);
    expect(only(epochs)).toMatchObject({ state: 'closed', tail: { from: 10, to: 9 + 8 } });
  });

  test('is empty where a successor knows that nobody was told of it, and hides nothing below', () => {
    const epoch = settledEpoch(9);
    for (let number = 0; number < 4; number += 1) epoch.receive(number);
    epoch.append(3);
    epoch.append(2, false);
    const ledger = new GatewayLedger();
    epoch.read(ledger, { without: new Set([5]) });
    const last = { instance: epoch.instance, inFlightMax: 8, at: epoch.nowMs };
    const unacknowledged = { from: 10, to: OPEN_END, reason: 'unacknowledged' };
    ledger.checkpoint({
      ...BLANK_CHECKPOINT,
      ...last,
      kind: 'closed',
      gatewayEpoch: epoch.gatewayEpoch,
      settledUpTo: 9,
      received: 9,
      settledElsewhere: [unacknowledged],
    });
    const { findings, epochs } = ledger.judge(epoch.positions, NO_STARTS, LONG_AFTER_MS);
    expect(only(epochs)).toMatchObject({ state: 'closed', tail: null, elsewhere: 0 });
    expect(numbersOf(findings, 'missing')).toEqual([5]);
    expect(findings).toHaveLength(1);
  });
});

describe('the order of frames on the log', () => {
  const at = (offset: number, partition = 0) => ({ topic: 't', partition, offset: BigInt(offset) });

  test('is by number in each partition; a number that comes again is a duplicate, one that comes late is reordered', () => {
    const ledger = new GatewayLedger();
    const places = [
      [1, at(0)],
      [4, at(1)],
      [2, at(0, 1)],
      [3, at(2)],
      [4, at(3)],
      [3, at(1, 1)],
      [5, at(2, 1)],
    ] as const;
    for (const [number, place] of places) ledger.observe(EPOCH, number, 0, place);
    const { findings } = ledger.judge(new Map(), NO_STARTS, 0);
    expect(findings.map(({ kind, partition, offset, from }) => [kind, partition, offset, from])).toEqual([
      ['reordered', 0, 2, 3],
      ['duplicate', 0, 3, 4],
      ['duplicate', 1, 1, 3],
    ]);
  });
});

test('frames in the spool of a dead instance are spooled elsewhere, not lost, until they come', () => {
  const ledger = new GatewayLedger();
  const none = { stream: null, streamEpoch: null, from: null, to: null, upto: null };
  const said = {
    ...none,
    source: null,
    gatewayEpoch: EPOCH,
    instance: 'c1',
    at: 0,
    inFlightMax: 4,
    settledElsewhere: [],
    reason: null,
  };
  ledger.checkpoint({
    ...said,
    ...none,
    kind: 'progress',
    settledUpTo: 2,
    received: 6,
    ends: [],
    spoolFrom: 3,
    spoolTo: 6,
  });
  for (const number of [1, 2, 4]) ledger.observe(EPOCH, number, 0);
  const named = () => {
    const { findings } = ledger.judge(new Map(), NO_STARTS, LONG_AFTER_MS);
    return findings.map(({ kind, from, to }) => [kind, from, to]);
  };
  expect(named()).toEqual([
    ['spooled-elsewhere', 3, 3],
    ['spooled-elsewhere', 5, 6],
    ['tail-unknown', 7, 10],
  ]);
  for (const number of [3, 5, 6]) ledger.observe(EPOCH, number, 0);
  expect(named()).toEqual([['tail-unknown', 7, 10]]);
});
