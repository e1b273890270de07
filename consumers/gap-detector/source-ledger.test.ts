import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { claimOf, gapWordOf } from './gap-word.ts';
import { type GapWord, SourceLedger } from './source-ledger.ts';

const OF = { source: 's', stream: 'a', streamEpoch: 'e' };
const NOW_MS = 1_000_000;
const ALWAYS = (): number => Number.POSITIVE_INFINITY;

function ledgerOf(numbers: readonly number[], receivedAtMs = 0, partitions = 3): SourceLedger {
  const ledger = new SourceLedger();
  for (const [offset, seq] of numbers.entries()) {
    const at = { topic: 't', partition: seq % partitions, offset: BigInt(offset) };
    ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs }, at);
  }
  return ledger;
}

function gapsOf(ledger: SourceLedger, until = ALWAYS, starts = new Map<string, bigint>()) {
  return ledger
    .judge(until, starts, NOW_MS)
    .findings.filter(({ kind }) => kind === 'source-gap')
    .flatMap(({ from = 0, to = 0 }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

const word = (kind: GapWord['kind'], from: number, to: number): GapWord => ({ kind, ...OF, from, to });

describe('the numbers of a source', () => {
  test('that are on no record below the highest one are exactly the gaps, in whatever order they are read', () => {
    const read = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(read, (numbers) => {
        const highest = Math.max(...numbers);
        const absent = Array.from({ length: highest }, (_, index) => index + 1).filter((one) => !numbers.includes(one));
        expect(gapsOf(ledgerOf(numbers))).toEqual(absent);
      }),
    );
  });

  test('are no gap while they are young, or while the gateway has not settled what it received then', () => {
    const numbers = [1, 2, 5];
    expect(gapsOf(ledgerOf(numbers, NOW_MS - 10_000))).toEqual([]);
    expect(gapsOf(ledgerOf(numbers, NOW_MS - 60_000))).toEqual([3, 4]);
    expect(gapsOf(ledgerOf(numbers, NOW_MS - 60_000), () => NOW_MS - 90_000)).toEqual([]);
    // What came within a span of five seconds is told from what came after it only when the span is over.
    expect([9_999, 10_000].map((untilMs) => gapsOf(ledgerOf(numbers, 7_000), () => untilMs))).toEqual([[], [3, 4]]);
  });

  test('before the first that is left in a partition that has expired are out of the account', () => {
    const numbers = [7, 8, 9, 10, 12, 13, 14];
    expect(gapsOf(ledgerOf(numbers), ALWAYS, new Map([['t-1', 5n]]))).toEqual([11]);
    const nowhere = new Map([['t-9', 5n]]);
    expect(gapsOf(ledgerOf(numbers), ALWAYS, nowhere)).toEqual([]);
    const [stream] = ledgerOf(numbers).judge(ALWAYS, nowhere, NOW_MS).streams;
    expect(stream).toMatchObject({ from: Number.POSITIVE_INFINITY, judgedUpTo: 0 });
  });

  test('that were sampled are no gap, those that the source has given up are one with the reason', () => {
    const ledger = ledgerOf([1, 2, 9]);
    ledger.word(word('sampled', 3, 5));
    ledger.word(word('gap_open', 6, 8));
    ledger.word(word('gap_lost', 6, 8));
    const { findings } = ledger.judge(ALWAYS, new Map(), NOW_MS);
    expect(findings.map(({ from, to, detail }) => [from, to, /given/.test(detail)])).toEqual([[6, 8, true]]);
  });

  test('that were given up are a gap at once, also as the newest ones', () => {
    const ledger = ledgerOf([1, 2, 5, 7], NOW_MS);
    ledger.word(word('gap_lost', 3, 4));
    ledger.word(word('sampled', 6, 6));
    ledger.word(word('gap_lost', 8, 9));
    expect(gapsOf(ledger)).toEqual([3, 4, 8, 9]);
    const open = ledgerOf([1, 2, 5, 7], NOW_MS);
    open.word(word('gap_lost', 4, 4));
    expect(gapsOf(open)).toEqual([]);
  });

  test('of another life of the counter are another stream', () => {
    const ledger = ledgerOf([1, 2]);
    const at = { topic: 't', partition: 0, offset: 9n };
    ledger.observe({ ...OF, streamEpoch: 'f', seq: 2, gatewayEpoch: 'g', receivedAtMs: 0 }, at);
    const { findings, streams } = ledger.judge(ALWAYS, new Map(), NOW_MS);
    expect(streams).toHaveLength(2);
    expect(findings.map(({ streamEpoch, from }) => [streamEpoch, from])).toEqual([['f', 1]]);
  });
});

test('a gap of long ago is not forgotten, however much came since that is young', () => {
  const ledger = ledgerOf([1, 2, 5]);
  for (let seq = 6; seq < 60; seq += 1) {
    const at = { topic: 't', partition: seq % 3, offset: BigInt(seq) };
    ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs: NOW_MS + seq * 5_000 }, at);
  }
  expect(gapsOf(ledger)).toEqual([3, 4]);
});

test('streams beyond the bound are counted, and those within it are followed on', () => {
  const ledger = new SourceLedger();
  const observe = (stream: number, seq: number): void => {
    const event = { ...OF, stream: String(stream), seq, gatewayEpoch: 'g', receivedAtMs: 0 };
    ledger.observe(event, { topic: 't', partition: 0, offset: 0n });
  };
  for (let stream = 1; stream <= 50_002; stream += 1) observe(stream, 1);
  observe(50_000, 3);
  observe(50_001, 3);
  expect([ledger.unfollowed, gapsOf(ledger)]).toEqual([3, [2]]);
});

test('an end that is missing shows by what the gateway claims to have', () => {
  const ledger = ledgerOf([1, 2, 3]);
  ledger.claim({ ...OF, seq: 5, gatewayEpoch: 'g', receivedAtMs: NOW_MS - 60_000 });
  ledger.claim({ ...OF, seq: 9, gatewayEpoch: 'g', receivedAtMs: NOW_MS });
  expect(gapsOf(ledger)).toEqual([4, 5]);
});

test('a checkpoint of before the fields came says nothing of gaps', () => {
  const about = { kind: 'gap_lost', source: 's', gatewayEpoch: 'g', instance: 'i', at: 0 } as const;
  const fields = { stream: null, streamEpoch: null, from: null, to: null, upto: null, spoolFrom: null, spoolTo: null };
  const rest = { ...fields, settledUpTo: 0, received: 0, inFlightMax: 0, ends: [], settledElsewhere: [], reason: null };
  expect(gapWordOf({ ...about, ...rest })).toBeUndefined();
  expect(claimOf({ ...about, ...rest, kind: 'progress' })).toBeUndefined();
  const progress = { ...about, ...rest, kind: 'progress', stream: 'a', streamEpoch: 'e', upto: 7 } as const;
  expect(claimOf(progress)).toEqual({ ...OF, seq: 7, gatewayEpoch: 'g', receivedAtMs: 0 });
  expect(gapWordOf({ ...about, ...rest, stream: 'a', streamEpoch: 'e', from: 2, to: 3 })).toEqual(
    word('gap_lost', 2, 3),
  );
});
