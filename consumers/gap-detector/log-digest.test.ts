import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOf } from './digest.testing.ts';
import { BUCKET_OFFSETS, bucketOf } from './digest.ts';
import { type Digest, type Entry, LogDigest } from './log-digest.ts';

const BUCKET = Number(BUCKET_OFFSETS);

/** As large as they get. */
function hashAt(offset: number): number {
  return 2 ** 48 - 1 - offset * 3;
}

function record(offset: number, hash = hashAt(offset)): Entry {
  return { kind: 'record', offset: BigInt(offset), hash, columns: offset };
}

/** What lies at each offset: a readable record, something else, or nothing. */
type Found = 'record' | 'other' | 'hole';

/** A log around the borders of buckets: where it begins, and what it holds. */
const LOG = fc.record({
  lower: fc.oneof(fc.nat(20), fc.integer({ min: BUCKET - 20, max: BUCKET + 20 })),
  // Mostly plain, with some oddities; long enough to cross a border from most beginnings.
  length: fc.oneof(fc.nat(60), fc.integer({ min: BUCKET - 10, max: 2 * BUCKET + 10 })),
  odd: fc.array(fc.tuple(fc.nat(9_000), fc.constantFrom<Found>('other', 'hole')), { maxLength: 6 }),
});
type Log = typeof LOG extends fc.Arbitrary<infer T> ? T : never;

function foundAt({ lower, length, odd }: Log): ReadonlyMap<number, Found> {
  const found = new Map<number, Found>();
  for (let offset = lower; offset < lower + length; offset += 1) found.set(offset, 'record');
  for (const [at, kind] of odd) if (length > 0) found.set(lower + (at % length), kind);
  return found;
}

function entriesOf(found: ReadonlyMap<number, Found>): readonly Entry[] {
  return [...found].flatMap(([offset, kind]): Entry[] => {
    if (kind === 'hole') return [];
    return [kind === 'record' ? record(offset) : { kind: 'other', offset: BigInt(offset) }];
  });
}

/** The digest of [lower, upper) by its definition. */
function defined(found: ReadonlyMap<number, Found>, lower: bigint, upper: bigint): Digest {
  let [records, sum, columns] = [0, 0n, 0n];
  for (let offset = Number(lower); offset < Number(upper); offset += 1) {
    if (found.get(offset) !== 'record') continue;
    records += 1;
    sum += shareOf(offset, hashAt(offset));
    columns += shareOf(offset, offset);
  }
  return { lower, upper, records, sum, columns, plain: BigInt(records) === upper - lower };
}

function folded(log: Log, entries = entriesOf(foundAt(log))): LogDigest {
  const digest = new LogDigest(BigInt(log.lower));
  for (const entry of entries) digest.fold(entry);
  digest.reached(BigInt(log.lower + log.length));
  return digest;
}

describe('the digests of a partition', () => {
  test('tile what was read, bucket by bucket, each by its definition', () => {
    fc.assert(
      fc.property(LOG, fc.integer({ min: -5, max: 3 * BUCKET }), (log, ask) => {
        const found = foundAt(log);
        const lower = BigInt(log.lower);
        const end = BigInt(log.lower + log.length);
        const upper = BigInt(Math.max(0, log.lower + ask));
        const digests = folded(log).upTo(upper);
        let reached = lower;
        for (const digest of digests) {
          expect(digest.lower).toBe(reached);
          expect(digest.upper > digest.lower).toBe(true);
          expect(bucketOf(digest.upper - 1n)).toBe(bucketOf(digest.lower));
          expect(digest).toEqual(defined(found, digest.lower, digest.upper));
          reached = digest.upper;
        }
        const asked = upper < end ? upper : end;
        expect(reached <= (asked > lower ? asked : lower)).toBe(true);
        // What is left for later is less than the bucket that `upper` falls into.
        if (asked > lower) expect(bucketOf(reached) >= bucketOf(asked) || reached === asked).toBe(true);
        if (upper >= end) expect(reached).toBe(end);
      }),
      { numRuns: 150 },
    );
  });

  test('are the same whatever way the entries come: rewinds and repeats change nothing', () => {
    const rewinds = fc.array(fc.tuple(fc.nat(9_000), fc.nat(300)), { maxLength: 5 });
    fc.assert(
      fc.property(LOG, rewinds, fc.integer({ min: 1, max: 500 }), (log, backs, batch) => {
        const entries = entriesOf(foundAt(log));
        const digest = new LogDigest(BigInt(log.lower));
        for (let from = 0; from < entries.length; from += batch) {
          for (const entry of entries.slice(from, from + batch)) digest.fold(entry);
          const last = entries[Math.min(entries.length, from + batch) - 1];
          if (last !== undefined) digest.reached(last.offset + 1n);
          for (const [at, length] of backs) {
            const start = at % Math.max(1, Math.min(entries.length, from + batch));
            for (const entry of entries.slice(start, Math.min(start + length, from + batch))) digest.fold(entry);
            digest.reached(BigInt(log.lower));
          }
        }
        const end = BigInt(log.lower + log.length);
        digest.reached(end);
        expect(digest.upTo(end)).toEqual(folded(log).upTo(end));
        expect(digest.position).toBe(folded(log).position);
      }),
      { numRuns: 60 },
    );
  });

  test('are not plain where anything but a readable record lies, or nothing', () => {
    const planted: readonly Found[] = ['other', 'hole'];
    for (const kind of planted) {
      for (const at of [0, 1, BUCKET - 1, BUCKET, 2 * BUCKET - 1]) {
        const found = new Map(foundAt({ lower: 0, length: 2 * BUCKET, odd: [] })).set(at, kind);
        const digest = folded({ lower: 0, length: 2 * BUCKET, odd: [] }, entriesOf(found));
        const plain = digest.upTo(BigInt(2 * BUCKET)).map((one) => one.plain);
        expect(plain).toEqual(at < BUCKET ? [false, true] : [true, false]);
      }
    }
  });

  test('see one record changed, lost or moved, and only in its bucket', () => {
    const log = { lower: 0, length: 2 * BUCKET, odd: [] };
    const entries = entriesOf(foundAt(log));
    const clean = folded(log).upTo(BigInt(2 * BUCKET));
    const differing = (changed: readonly Entry[]) =>
      folded(log, changed)
        .upTo(BigInt(2 * BUCKET))
        .map(({ sum, records }, index) => sum !== clean[index]?.sum || records !== clean[index]?.records);
    expect(differing(entries)).toEqual([false, false]);
    expect(differing(entries.map((one) => (one.offset === 5_000n ? record(5_000, 99) : one)))).toEqual([false, true]);
    expect(differing(entries.filter(({ offset }) => offset !== 17n))).toEqual([true, false]);
    // Two equal changes cancel in an XOR, not in a sum.
    const twice = entries.map((one) => (one.offset === 3n || one.offset === 4n ? record(Number(one.offset), 7) : one));
    expect(differing(twice)).toEqual([true, false]);
    // Two that have changed places cancel in a sum, not in one that counts the places.
    const [third, fourth] = [record(3, hashAt(4)), record(4, hashAt(3))];
    const changed = new Map([third, fourth].map((one) => [one.offset, one]));
    expect(differing(entries.map((one) => changed.get(one.offset) ?? one))).toEqual([true, false]);
  });

  test('begin where the log begins, also in the middle of a bucket', () => {
    const digests = folded({ lower: BUCKET + 100, length: BUCKET, odd: [] }).upTo(BigInt(3 * BUCKET));
    expect(digests.map(({ lower, upper }) => [Number(lower), Number(upper)])).toEqual([
      [BUCKET + 100, 2 * BUCKET],
      [2 * BUCKET, 2 * BUCKET + 100],
    ]);
  });

  test('say nothing before anything was read', () => {
    const digest = new LogDigest(7n);
    expect(digest.upTo(100n)).toEqual([]);
    digest.reached(7n);
    expect(digest.upTo(100n)).toEqual([]);
    digest.reached(9n);
    expect(digest.upTo(100n)).toEqual([{ lower: 7n, upper: 9n, records: 0, sum: 0n, columns: 0n, plain: false }]);
  });

  test('end in a hole of many buckets as they end anywhere', () => {
    const digest = new LogDigest(0n);
    digest.fold(record(5));
    digest.reached(BigInt(2 * BUCKET + 10));
    expect(digest.upTo(BigInt(9 * BUCKET)).map(({ lower, upper }) => [Number(lower), Number(upper)])).toEqual([
      [0, BUCKET],
      [BUCKET, 2 * BUCKET],
      [2 * BUCKET, 2 * BUCKET + 10],
    ]);
  });

  test('pass over a hole of many buckets', () => {
    const digest = new LogDigest(0n);
    digest.fold(record(5));
    digest.fold(record(5 * BUCKET + 1));
    const digests = digest.upTo(BigInt(6 * BUCKET));
    expect(
      digests.map(({ lower, upper, records }) => [Number(lower / BUCKET_OFFSETS), Number(upper), records]),
    ).toEqual([
      [0, BUCKET, 1],
      [1, 2 * BUCKET, 0],
      [2, 3 * BUCKET, 0],
      [3, 4 * BUCKET, 0],
      [4, 5 * BUCKET, 0],
      [5, 5 * BUCKET + 2, 1],
    ]);
  });
});
