import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { claimOf, gapWordOf } from './gap-word.ts';
import type { Forgotten } from './sightings.ts';
import { type GapWord, SourceLedger } from './source-ledger.ts';

const OF = { source: 's', stream: 'a', streamEpoch: 'e' };
const NOW_MS = 1_000_000;
const NOTHING: Forgotten = { starts: new Map(), untilMs: 0 };
const until =
  (untilMs: number, isOpenEnded = false) =>
  () => ({ untilMs, isOpenEnded });
const ALWAYS = until(Number.POSITIVE_INFINITY);

function ledgerOf(numbers: readonly number[], receivedAtMs = 0, partitions = 3): SourceLedger {
  const ledger = new SourceLedger();
  for (const [offset, seq] of numbers.entries()) {
    const at = { topic: 't', partition: seq % partitions, offset: BigInt(offset) };
    ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs }, at);
  }
  return ledger;
}

/** Of partitions of which no gateway has said how far they had come. */
function unsaid(...partitions: readonly string[]): Forgotten {
  return { starts: new Map(partitions.map((name) => [name, 5n])), untilMs: Number.POSITIVE_INFINITY };
}

function gapsOf(ledger: SourceLedger, settled = ALWAYS, forgotten = NOTHING, nowMs = NOW_MS) {
  return ledger
    .judge(settled, forgotten, nowMs)
    .findings.filter(({ kind }) => kind === 'source-gap')
    .flatMap(({ from = 0, to = 0 }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

const word = (kind: GapWord['kind'], from: number, to: number, atMs = 0): GapWord => ({ kind, ...OF, from, to, atMs });

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
    expect(gapsOf(ledgerOf(numbers, NOW_MS - 60_000), until(NOW_MS - 90_000))).toEqual([]);
    // What came within a span of five seconds is told from what came after it only when the span is over.
    expect([9_999, 10_000].map((untilMs) => gapsOf(ledgerOf(numbers, 7_000), until(untilMs)))).toEqual([[], [3, 4]]);
  });

  test('before the first that is left in a partition that has expired are out of the account', () => {
    const numbers = [7, 8, 9, 10, 12, 13, 14];
    expect(gapsOf(ledgerOf(numbers), ALWAYS, unsaid('t-1'))).toEqual([11]);
    const nowhere = unsaid('t-9');
    expect(gapsOf(ledgerOf(numbers), ALWAYS, nowhere)).toEqual([]);
    const [stream] = ledgerOf(numbers).judge(ALWAYS, nowhere, NOW_MS).streams;
    expect(stream).toMatchObject({ from: Number.POSITIVE_INFINITY, judgedUpTo: 0, unjudged: 'blind' });
  });

  test('that were sampled are no gap, those that the source has given up are one with the reason', () => {
    const ledger = ledgerOf([1, 2, 9]);
    ledger.word(word('sampled', 3, 5));
    ledger.word(word('gap_open', 6, 8));
    ledger.word(word('gap_lost', 6, 8));
    const { findings } = ledger.judge(ALWAYS, NOTHING, NOW_MS);
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
    const { findings, streams } = ledger.judge(ALWAYS, NOTHING, NOW_MS);
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

test.each([
  ['all along', true],
  ['at the end', false],
] as const)(
  'judged %s, a number that waits at the gateway is no gap however long the others go on, and hides none before it',
  (_when, isRunning) => {
    const ledger = new SourceLedger();
    const waiting = until(2_000_000);
    for (let seq = 1; seq <= 3_000; seq += 1) {
      const [at, receivedAtMs] = [{ topic: 't', partition: 0, offset: BigInt(seq) }, seq * 1_000];
      if (seq !== 5 && seq !== 2_001) ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs }, at);
      const isLookedAt = isRunning && receivedAtMs >= 60_000 && seq % 10 === 0;
      if (isLookedAt) expect(gapsOf(ledger, waiting, NOTHING, receivedAtMs)).toEqual([5]);
    }
    expect(gapsOf(ledger, waiting, NOTHING, 3_000_000)).toEqual([5]);
    expect(gapsOf(ledger, ALWAYS, NOTHING, 3_000_000)).toEqual([5, 2_001]);
  },
);

test('a gateway is asked once for what it has settled, however many streams it has', () => {
  const ledger = new SourceLedger();
  for (const gatewayEpoch of ['g', 'h'])
    for (let stream = 0; stream < 9; stream += 1) {
      const at = { topic: 't', partition: 0, offset: BigInt(stream) };
      ledger.observe({ ...OF, stream: String(stream), seq: 1, gatewayEpoch, receivedAtMs: 0 }, at);
    }
  const asked: string[] = [];
  const settled = (epoch: string) => {
    asked.push(epoch);
    return ALWAYS();
  };
  ledger.judge(settled, NOTHING, NOW_MS);
  expect(asked).toEqual(['g', 'h']);
});

test('a jump to the last number there is leaves one gap, and so does that it is given up: none of it takes as long as it is wide', () => {
  const last = PROTOCOL_LIMITS.seq;
  const ledger = ledgerOf([1, last]);
  const all = () => ledger.judge(ALWAYS, NOTHING, NOW_MS);
  expect(all().findings).toMatchObject([{ kind: 'source-gap', from: 2, to: last - 1 }]);
  ledger.word(word('gap_open', 2, last - 1));
  ledger.word(word('gap_lost', 2, last - 1));
  ledger.claim({ ...OF, seq: last, gatewayEpoch: 'g', receivedAtMs: 0 });
  expect(all().findings).toMatchObject([{ from: 2, to: last - 1, detail: expect.stringContaining('given') }]);
  expect(all().streams).toMatchObject([{ from: 1, judgedUpTo: last, received: 2, missing: last - 2 }]);
  expect(ledger.judge(ALWAYS, unsaid('t-9'), NOW_MS).streams).toMatchObject([{ lostBelow: last - 2, missing: 0 }]);
  ledger.word(word('sampled', 2, last - 1));
  expect(all().findings).toEqual([]);
});

test('numbers like a clock leave as many gaps as they are, however far apart', () => {
  const ledger = new SourceLedger();
  for (let at = 0; at < 2_000; at += 1) {
    const seq = 1_700_000_000_000 + at * 3_600_000;
    ledger.observe(
      { ...OF, seq, gatewayEpoch: 'g', receivedAtMs: 0 },
      { topic: 't', partition: 0, offset: BigInt(at) },
    );
    ledger.word(word('gap_lost', at === 0 ? 1 : seq - 3_599_999, seq - 1));
  }
  expect(ledger.judge(ALWAYS, NOTHING, NOW_MS).findings).toHaveLength(2_000);
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

describe('where every partition has forgotten something', () => {
  const UNTIL_MS = 300_000;
  const FORGOTTEN: Forgotten = { starts: new Map(['t-0', 't-1', 't-2'].map((name) => [name, 5n])), untilMs: UNTIL_MS };

  /** A stream on one partition, as a user's or a bot's is; each number with the second in which it was received. */
  function streamOf(...numbers: readonly (readonly [number, number])[]): SourceLedger {
    const ledger = new SourceLedger();
    for (const [offset, [seq, second]] of numbers.entries()) {
      const event = { ...OF, seq, gatewayEpoch: 'g', receivedAtMs: second * 1_000 };
      ledger.observe(event, { topic: 't', partition: 1, offset: BigInt(9 + offset) });
    }
    return ledger;
  }
  const judged = (ledger: SourceLedger, forgotten = FORGOTTEN) => ledger.judge(ALWAYS, forgotten, NOW_MS);

  test('a stream that was born since is judged from its first number on', () => {
    const ledger = streamOf([1, 800], [2, 801], [5, 802], [6, 803]);
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([3, 4]);
    expect(judged(ledger).streams).toMatchObject([{ from: 1, judgedUpTo: 6, missing: 2 }]);
    const headless = streamOf([3, 800], [4, 801]);
    headless.word(word('gap_open', 1, 2, 800_000));
    expect(gapsOf(headless, ALWAYS, FORGOTTEN)).toEqual([1, 2]);
  });

  test('an older one is judged from the first number on that came since, and what was lost before is out of the account', () => {
    const ledger = streamOf([7, 200], [9, 201], [10, 800], [12, 801], [13, 802]);
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([11]);
    expect(judged(ledger).streams).toMatchObject([{ from: 10 }]);
    // Two clocks may be a little apart.
    expect(judged(streamOf([7, 355], [9, 356])).streams).toMatchObject([{ from: Number.POSITIVE_INFINITY }]);
  });

  test('a number that came late proves nothing of those above it, which may have come before it', () => {
    const late = streamOf([3, 800]);
    late.word(word('gap_open', 3, 3, 200_000));
    late.claim({ ...OF, seq: 5, gatewayEpoch: 'g', receivedAtMs: 801_000 });
    expect(judged(late)).toMatchObject({ findings: [], streams: [{ unjudged: 'blind' }] });
    const first = streamOf([3, 200], [6, 201]);
    first.word(word('gap_open', 3, 3, 200_000));
    expect(judged(first, unsaid('t-1')).findings).toEqual([]);
    const on = streamOf([3, 800], [6, 802], [8, 803]);
    on.word(word('gap_open', 3, 3, 200_000));
    expect(gapsOf(on, ALWAYS, FORGOTTEN)).toEqual([7]);
  });

  test('what the gateway says is lost is told at once, unless it came or was sampled after all', () => {
    const ledger = streamOf([1, 200], [2, 201], [6, 202]);
    ledger.word(word('gap_lost', 3, 5, UNTIL_MS + 1));
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([3, 4, 5]);
    expect(gapsOf(ledger, ALWAYS, unsaid('t-9'))).toEqual([3, 4, 5]);
    expect(judged(ledger).streams).toMatchObject([{ missing: 0, lostBelow: 3, unjudged: 'old' }]);
    ledger.word(word('sampled', 5, 5));
    const at = { topic: 't', partition: 1, offset: 30n };
    ledger.observe({ ...OF, seq: 3, gatewayEpoch: 'g', receivedAtMs: 240_000 }, at);
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([4]);
    // Of a word of then, whatever came after all may have expired.
    const old = streamOf([6, 202]);
    old.word(word('gap_lost', 3, 5, UNTIL_MS));
    expect(gapsOf(old, ALWAYS, FORGOTTEN)).toEqual([]);
  });

  test('one that ended before is old, one that is young is neither old nor blind', () => {
    const standing = (ledger: SourceLedger, forgotten = FORGOTTEN) => judged(ledger, forgotten).streams[0]?.unjudged;
    expect(standing(streamOf([7, 200], [9, 201]))).toBe('old');
    expect(standing(streamOf([7, 200], [9, 990]))).toBeUndefined();
    expect(standing(streamOf([7, 200], [9, 201]), unsaid('t-9'))).toBe('blind');
  });

  test('what was proved stays so, until the log forgets more', () => {
    const ledger = streamOf([1, 800], [3, 801]);
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([2]);
    expect(gapsOf(ledger, ALWAYS, { ...FORGOTTEN, untilMs: 850_000 })).toEqual([2]);
    const more: Forgotten = { starts: new Map([...FORGOTTEN.starts, ['t-1', 11n]]), untilMs: 850_000 };
    expect(gapsOf(ledger, ALWAYS, more)).toEqual([]);
  });

  test('a busy stream is judged from some number on, however much came since and however much is young', () => {
    const numbers = Array.from({ length: 900 }, (_, index) => [index + 100, 100 + index] as const);
    const ledger = streamOf(...numbers.filter(([seq]) => seq !== 880));
    const [stream] = judged(ledger).streams;
    expect(stream?.from).toBeGreaterThan(360);
    expect(stream?.from).toBeLessThan(400);
    expect(gapsOf(ledger, ALWAYS, FORGOTTEN)).toEqual([880]);
  });
});
