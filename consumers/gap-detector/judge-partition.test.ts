import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, RangeReader } from '../../kafka/log.ts';
import { eventKey } from '../../schemas/event-key.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { derivedHash } from './derived-columns.ts';
import { payloadShare, shareOf } from './digest.testing.ts';
import { BUCKET_OFFSETS, first6, payloadHash } from './digest.ts';
import { lookAtPartition, type Sides, WINDOW_BUCKETS, windowAt, windowsOf } from './judge-partition.ts';
import { type Digest, LogDigest } from './log-digest.ts';
import type { RowSums } from './rules.ts';
import { rowDigests, storedSide } from './stored-side.ts';
import { Suspects } from './suspects.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
// The database's side from maps; that its SQL agrees is for the tests on a real PostgreSQL.
vi.mock('./stored-side.ts', () => ({
  rowDigests: vi.fn(),
  purgedRanges: () => Promise.resolve([]),
  storedSide: vi.fn(),
  isRefusedByDatabase: () => true,
  openWriters: () => Promise.resolve(new Set()),
}));

const AT = { topic: TOPIC.incoming, partition: 1, incarnation: 'i' };
const LENGTH = 2 * Number(BUCKET_OFFSETS) + 500;
const GRACE_MS = 1_000;

function payloadAt(offset: number): Buffer {
  return Buffer.from(`{"event":"message","id":"m${offset}"}`);
}

/** The log, which no test changes: payload, hash and value of each offset, and its digests. */
const payloads = Array.from({ length: LENGTH }, (_, offset) => payloadAt(offset));
const hashes = payloads.map((payload) => first6(payloadHash(payload)));
const shares = hashes.map((hash, offset) => shareOf(offset, hash));
const columns = payloads.map((payload, offset) =>
  derivedHash(incomingEvent(payload, { id: `m${offset}` }), BigInt(offset), 0),
);
const values: Buffer[] = [];
const codec = new Codec('http://registry');
let digests: readonly Digest[];

beforeAll(async () => {
  await codec.prepare([TOPIC.incoming]);
  for (const [offset, payload] of payloads.entries()) {
    values.push(codec.encode(TOPIC.incoming, incomingEvent(payload, { id: `m${offset}` })));
  }
});

let sides: Sides;
/** Offset → the payload of its row. */
let rows: Map<number, Buffer>;
let reads: (readonly [bigint, bigint])[];
let logStart: bigint;

beforeEach(() => {
  const digest = new LogDigest(0n);
  for (const [offset, hash] of hashes.entries())
    digest.fold({ kind: 'record', offset: BigInt(offset), hash, columns: columns[offset] ?? 0 });
  digests = digest.upTo(BigInt(LENGTH));
  rows = new Map(payloads.entries());
  reads = [];
  logStart = 0n;

  const ranges: RangeReader = {
    async *read(from, lower, upper) {
      reads.push([lower, upper]);
      if (lower < logStart) throw new Error('out of range');
      for (let offset = lower; offset < upper; offset += 1n) {
        const record = {
          ...from,
          offset,
          timestampMs: 0,
          key: null,
          value: values[Number(offset)] ?? null,
          headers: {},
        };
        yield [{ kind: 'record', record, leaderEpoch: 0 } satisfies RangeEntry];
      }
      await Promise.resolve();
    },
    stop: () => Promise.resolve(),
  };
  sides = { ranges, codec, pool: {} as Pool };

  vi.mocked(rowDigests).mockImplementation((_pool, { lower, upper }) => {
    const found = new Map<bigint, RowSums>();
    for (const [offset, payload] of rows) {
      if (offset < lower || offset >= upper) continue;
      const bucket = BigInt(offset) / BUCKET_OFFSETS;
      const before = found.get(bucket) ?? { rows: 0, sum: 0n, columns: 0n };
      const isSound = payload === payloads[offset];
      const share = isSound ? (shares[offset] as bigint) : payloadShare(offset, payload);
      const sums = { sum: before.sum + share, columns: before.columns + shareOf(offset, columns[offset] ?? 0) };
      found.set(bucket, { rows: before.rows + 1, ...sums });
    }
    return Promise.resolve(found);
  });
  vi.mocked(storedSide).mockImplementation((_pool, { lower, upper }) =>
    Promise.resolve({
      rows: new Map(
        [...rows]
          .filter(([offset]) => offset >= lower && offset < upper)
          .map(([offset, payload]) => {
            const event = incomingEvent(payloadAt(offset), { id: `m${offset}` });
            const id = eventKey(event, payloadAt(offset), undefined);
            return [BigInt(offset), { id, payloadHash: payloadHash(payload), columns: columns[offset] ?? 0 }];
          }),
      ),
      duplicates: new Map(),
      quarantined: new Map(),
      purged: [],
      purgedDuplicates: new Map(),
    }),
  );
});

async function look(nowMs: number, suspects: Suspects, begin?: bigint) {
  const options = { nowMs, graceMs: GRACE_MS, suspects, ...(begin === undefined ? {} : { logStart: begin }) };
  return await lookAtPartition(sides, AT, digests, options);
}

/** Two looks, the grace period apart. */
async function lookTwice(begin?: bigint) {
  const suspects = new Suspects();
  const first = await look(0, suspects, begin);
  return { first, second: await look(GRACE_MS, suspects, begin) };
}

describe('a look at a partition', () => {
  test('proves equal buckets by their digests alone', async () => {
    const { balance, findings, waiting } = await look(0, new Suspects());
    expect(balance).toMatchObject({ settled: LENGTH, stored: LENGTH, residual: 0 });
    expect([findings, waiting, reads]).toEqual([[], 0, []]);
  });

  test('finds planted losses at the second look, each by its offset, reading only their buckets again', async () => {
    const planted = [0, 4_095, 5_000, LENGTH - 1];
    for (const offset of planted) rows.delete(offset);
    const { first, second } = await lookTwice();
    expect([first.waiting, first.findings, first.balance.settled, first.balance.residual]).toEqual([
      4,
      [],
      LENGTH - 4,
      0,
    ]);
    expect(second.findings.map(({ kind, offset }) => [kind, offset])).toEqual(
      planted.map((offset) => ['missing', offset]),
    );
    expect(second.balance).toMatchObject({ settled: LENGTH, stored: LENGTH - 4, missing: 4, residual: 0 });
    expect(second.waiting).toBe(0);
    reads = [];
    rows.set(0, payloadAt(0)).set(4_095, payloadAt(4_095));
    await look(2 * GRACE_MS, new Suspects());
    expect(reads).toEqual([
      [BUCKET_OFFSETS, 2n * BUCKET_OFFSETS],
      [2n * BUCKET_OFFSETS, BigInt(LENGTH)],
    ]);
  });

  test('finds an altered row at once', async () => {
    rows.set(5_000, Buffer.from('{"event":"message","id":"m5000!"}'));
    const { balance, findings } = await look(0, new Suspects());
    expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([['altered', 5_000]]);
    expect(balance).toMatchObject({ altered: 1, residual: 0 });
  });

  test('finds two rows that were swapped: as many rows, other digests', async () => {
    rows.set(7, payloadAt(8)).set(8, payloadAt(7));
    const { findings } = await look(0, new Suspects());
    expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([
      ['altered', 7],
      ['altered', 8],
    ]);
  });

  test('forgets a suspect whose bucket has become equal', async () => {
    const suspects = new Suspects();
    rows.delete(7);
    await look(0, suspects);
    rows.set(7, payloadAt(7));
    await look(GRACE_MS, suspects);
    rows.delete(7);
    const { waiting, findings } = await look(GRACE_MS + 1, suspects);
    expect([waiting, findings]).toEqual([1, []]);
  });

  test('has nothing to say of nothing', async () => {
    digests = [];
    expect(await look(0, new Suspects())).toMatchObject({ balance: { settled: 0, residual: 0 }, waiting: 0 });
  });
});

// Retention overtakes what a running audit has read long ago: it cannot be read again for a merge.
describe('what has expired since it was read', () => {
  test('is stored where the digests agree', async () => {
    logStart = 5_000n;
    const { balance } = await look(0, new Suspects(), logStart);
    expect(balance).toMatchObject({ settled: LENGTH, stored: LENGTH, expired: 0, residual: 0 });
  });

  test('is expired where they differ, and does not stop the look', async () => {
    logStart = 5_000n;
    for (const offset of [10, 4_999, 5_000]) rows.delete(offset);
    const { second } = await lookTwice(logStart);
    expect(second.findings.map(({ kind, from, to, offset }) => [kind, offset ?? [from, to]])).toEqual([
      ['expired-unaudited', [0, 4_095]],
      ['expired-unaudited', [4_096, 4_999]],
      ['missing', 5_000],
    ]);
    expect(second.balance).toMatchObject({ settled: LENGTH, expired: 5_000, missing: 1, residual: 0 });
    expect(reads.every(([lower]) => lower >= logStart)).toBe(true);
  });

  test('takes whole buckets with it', async () => {
    logStart = BigInt(LENGTH) + 9n;
    rows.clear();
    const { balance, waiting } = await look(0, new Suspects(), logStart);
    expect([balance.expired, balance.residual, waiting, reads]).toEqual([LENGTH, 0, 0, []]);
  });
});

describe('what was judged before it expired', () => {
  const KEPT = { graceMs: GRACE_MS, suspects: new Suspects(), proofs: new Map() };

  test('is what it was as long as the rows are: lost stays lost', async () => {
    rows.delete(10);
    const options = { ...KEPT, suspects: new Suspects(), proofs: new Map() };
    await lookAtPartition(sides, AT, digests, { ...options, nowMs: 0 });
    await lookAtPartition(sides, AT, digests, { ...options, nowMs: GRACE_MS });
    logStart = 5_000n;
    const { balance, findings } = await lookAtPartition(sides, AT, digests, { ...options, nowMs: 9_999, logStart });
    expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([['missing', 10]]);
    expect(balance).toMatchObject({ settled: LENGTH, stored: LENGTH - 1, missing: 1, expired: 0, residual: 0 });
    rows.delete(11);
    const after = await lookAtPartition(sides, AT, digests, { ...options, nowMs: 9_999, logStart });
    expect(after.findings).toMatchObject([{ kind: 'expired-unaudited', from: 0, to: 4_095 }]);
  });

  test('also in a bucket that has grown since', async () => {
    rows.delete(10);
    const options = { ...KEPT, suspects: new Suspects(), proofs: new Map() };
    const growing = new LogDigest(0n);
    const grow = (from: number, to: number): readonly Digest[] => {
      for (let offset = from; offset < to; offset += 1)
        growing.fold({
          kind: 'record',
          offset: BigInt(offset),
          hash: hashes[offset] ?? 0,
          columns: columns[offset] ?? 0,
        });
      return growing.upTo(BigInt(to));
    };
    const young = grow(0, 100);
    await lookAtPartition(sides, AT, young, { ...options, nowMs: 0 });
    await lookAtPartition(sides, AT, young, { ...options, nowMs: GRACE_MS });
    logStart = 50n;
    const { balance, findings } = await lookAtPartition(sides, AT, grow(100, 200), {
      ...options,
      nowMs: 9_999,
      logStart,
    });
    expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([['missing', 10]]);
    expect(balance).toMatchObject({ settled: 200, stored: 199, missing: 1, residual: 0 });
  });
});

describe('windows', () => {
  test('cut the digests into runs of so many, in order, losing none', () => {
    const buckets = digests;
    expect(windowsOf(buckets, 2).map((window) => window.length)).toEqual([2, 1]);
    expect(windowsOf(buckets, 2).flat()).toEqual(buckets);
    expect(windowsOf(buckets, 100)).toEqual([buckets]);
    expect(windowsOf([], 2)).toEqual([]);
    expect(WINDOW_BUCKETS).toBe(64);
  });

  test('are found by any of their offsets, wherever the log began', () => {
    for (const lowest of [0n, 5n, 3n * BUCKET_OFFSETS, 3n * BUCKET_OFFSETS + 7n]) {
      const log = new LogDigest(lowest);
      log.reached(lowest + 7n * BUCKET_OFFSETS);
      for (const window of windowsOf(log.upTo(lowest + 7n * BUCKET_OFFSETS), 2))
        for (const { lower, upper } of window)
          for (const offset of [lower, upper - 1n]) expect(windowAt(offset, lowest, 2)).toBe(window[0]?.lower);
    }
  });
});
