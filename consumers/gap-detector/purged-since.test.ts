import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Codec } from '../../kafka/codec.ts';
import type { RangeReader } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { noAccounts } from './accounts.ts';
import { shareOf } from './digest.testing.ts';
import { BUCKET_OFFSETS } from './digest.ts';
import { type BucketLook, lookAtPartition, type Proofs } from './judge-partition.ts';
import { LogDigest } from './log-digest.ts';
import { lookAfterPurge } from './purged-since.ts';
import { purgedRanges, rowDigests } from './stored-side.ts';
import { Suspects } from './suspects.ts';
import type { Finding } from './verdict.ts';

vi.mock('./stored-side.ts', () => ({ rowDigests: vi.fn(), purgedRanges: vi.fn() }));

const AT = { topic: 't', partition: 1, incarnation: 'i' };
const LENGTH = Number(BUCKET_OFFSETS) + 100;
/** Offset → its share of the digest: its own number, unless the row was altered. */
let rows: Map<number, number>;
let purged: number[];

const rangesOf = (offsets: readonly number[]) =>
  offsets.map((offset) => ({ lower: BigInt(offset), upper: BigInt(offset + 1) }));

beforeEach(() => {
  rows = new Map(Array.from({ length: LENGTH }, (_, offset) => [offset, offset]));
  purged = [];
  vi.mocked(rowDigests).mockImplementation((_pool, { lower, upper }) => {
    const here = [...rows].filter(([offset]) => offset >= lower && offset < upper);
    const buckets = Map.groupBy(here, ([offset]) => BigInt(offset) / BUCKET_OFFSETS);
    const sums = [...buckets].map(([bucket, all]) => {
      return [
        bucket,
        { rows: all.length, sum: all.reduce((sum, [offset, hash]) => sum + shareOf(offset, hash), 0n), columns: 0n },
      ] as const;
    });
    return Promise.resolve(new Map(sums));
  });
  vi.mocked(purgedRanges).mockImplementation((_pool, { lower, upper }) =>
    Promise.resolve(rangesOf(purged.filter((offset) => offset >= lower && offset < upper))),
  );
});

function purge(lower: number, upper: number): void {
  for (let offset = lower; offset < upper; offset += 1) if (rows.delete(offset)) purged.push(offset);
}

/** Looks that know what the ones before have proved, at a log that holds its first bucket no more from the second one on. */
function looking() {
  const log = new LogDigest(0n);
  for (let offset = 0; offset < LENGTH; offset += 1)
    log.fold({ kind: 'record', offset: BigInt(offset), hash: offset, columns: 0 });
  const proofs: Proofs = new Map();
  let logStart = 0n;
  return async () => {
    const sides = { pool: {} as Pool, ranges: {} as RangeReader, codec: {} as Codec };
    const options = { nowMs: 0, graceMs: 0, suspects: new Suspects(), proofs, logStart };
    const { balance, findings } = await lookAtPartition(sides, AT, log.upTo(BigInt(LENGTH)), options);
    logStart = BUCKET_OFFSETS;
    expect(balance).toMatchObject({ settled: LENGTH, residual: 0 });
    return [balance.stored, balance.purged, findings.map(({ kind, from, to }) => `${kind} ${from}-${to}`)] as const;
  };
}

const UNKNOWN = ['expired-unaudited 0-4095'];

test('what was proved, has expired and was deleted by retention since is purged, part by part', async () => {
  const look = looking();
  expect(await look()).toEqual([LENGTH, 0, []]);
  for (const upTo of [15, 15, 4_000, 4_096]) {
    purge(0, upTo);
    expect(await look()).toEqual([LENGTH - upTo, upTo, []]);
  }
});

test('where the books do not explain what is gone, or nothing is and yet the rows are others, nobody knows', async () => {
  const look = looking();
  await look();
  purge(0, 100);
  rows.delete(200);
  expect((await look())[2]).toEqual(UNKNOWN);
  rows.set(200, 200);
  expect((await look())[2]).toEqual([]);
  rows.set(300, 7);
  expect((await look())[2]).toEqual(UNKNOWN);
});

test('a purge may be under way meanwhile', async () => {
  const look = looking();
  await look();
  purge(0, 100);
  vi.mocked(purgedRanges).mockImplementationOnce(() => {
    const before = rangesOf(purged);
    purge(100, 200);
    return Promise.resolve(before);
  });
  for (const _ of [1, 2]) expect(await look()).toEqual([LENGTH - 200, 200, []]);
});

const KINDS = ['stored', 'altered', 'extra', 'missing', 'control', 'duplicateOf', 'purged'] as const;

test('whatever there was, only what was a row moves to purged, and what was wrong with it goes', () => {
  const places = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.boolean()), { minLength: 1, maxLength: 60 });
  const findingAt = (kind: Finding['kind'], offset: number): Finding => {
    return { kind, stage: 'log-to-stored', ...AT, offset, detail: '' };
  };
  const isRow = (kind: (typeof KINDS)[number]) => kind === 'stored' || kind === 'altered' || kind === 'extra';
  /** The look at the places as they are; an extra row stands at a control record. */
  const lookOf = (kinds: readonly (typeof KINDS)[number][], known: number): BucketLook => {
    const counts = noAccounts();
    for (const kind of kinds) counts[kind === 'extra' ? 'control' : kind] += 1;
    const findings = kinds.flatMap((kind, offset) =>
      kind === 'altered' || kind === 'extra' || kind === 'missing' ? [findingAt(kind, offset)] : [],
    );
    const extra = kinds.filter((kind) => kind === 'extra').length;
    return { counts, extra, findings, waiting: 0, purgedThen: known };
  };
  fc.assert(
    fc.property(places, fc.boolean(), (all, isLost) => {
      const kinds = all.map(([kind]) => kind);
      const gone = all.flatMap(([kind, isPurged], offset) => (isPurged && isRow(kind) ? [offset] : []));
      const before = kinds.flatMap((kind, offset) => (kind === 'purged' ? [offset] : []));
      const rowsThen = kinds.filter(isRow).length;
      const proof = { rows: { rows: rowsThen, sum: 0n, columns: 0n }, look: lookOf(kinds, before.length) };
      const isExplained = gone.length > 0 && !isLost;
      const now = lookAfterPurge(proof, rowsThen - gone.length - (isLost ? 1 : 0), rangesOf([...before, ...gone]));
      const left = kinds.map((kind, offset) =>
        gone.includes(offset) ? (kind === 'extra' ? ('control' as const) : ('purged' as const)) : kind,
      );
      expect(now).toEqual(isExplained ? lookOf(left, before.length + gone.length) : undefined);
    }),
  );
});
