import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { Batch, LogAdmin, LogRecord, RangeReader, TopicDescription, TopicPartition } from '../../kafka/log.ts';
import { eventKey } from '../../schemas/event-key.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { derivedHash } from './derived-columns.ts';
import { payloadShare, shareOf } from './digest.testing.ts';
import { BUCKET_OFFSETS, payloadHash } from './digest.ts';
import { LiveAudit } from './live-audit.ts';
import { coverageOf, rowDigests, storedSide } from './stored-side.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('./stored-side.ts', () => ({
  rowDigests: vi.fn(),
  storedSide: vi.fn(),
  unaccountedBelow: () => Promise.resolve([]),
  rowsFrom: () => Promise.resolve([]),
  coverageOf: vi.fn(),
  isRefusedByDatabase: () => true,
  openWriters: () => Promise.resolve(new Set()),
}));
vi.mock('./conflicts.ts', () => ({
  withConflicts: (_pool: unknown, _topic: unknown, findings: unknown) => Promise.resolve(findings),
}));

const AT: TopicPartition = { topic: TOPIC.incoming, partition: 0 };
const INCARNATION = 'i';
const DESCRIPTION = { topic: TOPIC.incoming, incarnation: INCARNATION, partitions: [] };
const GROUP = 'pmc-gap-detector';
const GRACE_MS = 1_000;

const codec = new Codec('http://registry');
let log: LogRecord[];
/** Offsets that have a row; every row is as it should be. */
let rows: Set<number>;
let logStart: number;
/** What the audit's own group has committed. */
let committed: number | undefined;
let nowMs: number;
let reads: (readonly [number, number])[];
let audit: LiveAudit;

const admin = {
  topics: () => Promise.resolve([DESCRIPTION]),
  ends: () => {
    const end = BigInt(log.length);
    return Promise.resolve(new Map([[0, { logStart: BigInt(logStart), lastStable: end, highWatermark: end }]]));
  },
  committed: (group: string) => {
    const offset = group === GROUP ? committed : log.length;
    return Promise.resolve(new Map(offset === undefined ? [] : [[0, BigInt(offset)]]));
  },
};

const ranges: RangeReader = {
  async *read(_from, lower, upper) {
    reads.push([Number(lower), Number(upper)]);
    if (lower < BigInt(logStart)) throw new Error('offset out of range');
    const records = log.slice(Number(lower), Number(upper));
    if (records.length > 0) yield records.map((record) => ({ kind: 'record' as const, record, leaderEpoch: 0 }));
    await Promise.resolve();
  },
  stop: () => Promise.resolve(),
};

function payloadAt(offset: number): Buffer {
  return Buffer.from(`{"n":${offset}}`);
}

function columnsAt(offset: number): number {
  return derivedHash(incomingEvent(payloadAt(offset), { ingestSeq: offset + 1 }), BigInt(offset), 0);
}

function append(count: number): void {
  for (let added = 0; added < count; added += 1) {
    const offset = log.length;
    const value = codec.encode(TOPIC.incoming, incomingEvent(payloadAt(offset), { ingestSeq: offset + 1 }));
    log.push({ ...AT, offset: BigInt(offset), timestampMs: 0, key: null, value, headers: {} });
    rows.add(offset);
  }
}

beforeEach(async () => {
  await codec.prepare([TOPIC.incoming]);
  [log, rows, logStart, committed, nowMs, reads] = [[], new Set(), 0, undefined, 0, []];
  const inRange = (lower: bigint, upper: bigint) => [...rows].filter((offset) => offset >= lower && offset < upper);
  vi.mocked(coverageOf).mockResolvedValue(new Map());
  vi.mocked(rowDigests).mockImplementation((_pool, { lower, upper }) => {
    const buckets = Map.groupBy(inRange(lower, upper), (offset) => BigInt(offset) / BUCKET_OFFSETS);
    const sumOf = (offsets: readonly number[]) =>
      offsets.reduce((sum, offset) => sum + payloadShare(offset, payloadAt(offset)), 0n);
    const columnsOf = (all: readonly number[]) => all.reduce((sum, one) => sum + shareOf(one, columnsAt(one)), 0n);
    return Promise.resolve(
      new Map(
        [...buckets].map(([bucket, offsets]) => [
          bucket,
          { rows: offsets.length, sum: sumOf(offsets), columns: columnsOf(offsets) },
        ]),
      ),
    );
  });
  vi.mocked(storedSide).mockImplementation((_pool, { lower, upper }) => {
    const found = inRange(lower, upper).map((offset) => {
      const payload = payloadAt(offset);
      const id = eventKey(incomingEvent(payload, { ingestSeq: offset + 1 }), payload, undefined);
      return [BigInt(offset), { id, payloadHash: payloadHash(payload), columns: columnsAt(offset) }] as const;
    });
    const none = { duplicates: new Map(), quarantined: new Map(), purged: [], purgedDuplicates: new Map() };
    return Promise.resolve({ rows: new Map(found), ...none });
  });
  audit = newAudit();
});

function newAudit(): LiveAudit {
  const clock = { nowMs: () => nowMs };
  const unasked = { pool: {} as Pool, isPassing: true as const };
  const tools = { admin: admin as unknown as LogAdmin, ranges, codec, clock, ...unasked };
  return new LiveAudit({ tools, logger: pino({ level: 'silent' }), graceMs: GRACE_MS, coverageMin: 0.95 });
}

function batchOf(records: readonly LogRecord[], topic: string = AT.topic): Batch {
  const about = { ...AT, topic, incarnation: INCARNATION, generation: 1, highWatermark: BigInt(log.length) };
  return { ...about, records, signal: new AbortController().signal };
}

async function deliver(from: number, to: number): Promise<void> {
  await audit.handleBatch(batchOf(log.slice(from, to)), GROUP);
}

async function round() {
  const { accounts, findings, coverage, suspect, perPartition } = await audit.round(DESCRIPTION, 'c', 'r');
  const [{ from, to, end } = { from: -1, to: -1, end: -1 }] = perPartition;
  const found = findings.filter(({ stage }) => stage === 'log-to-stored').map(({ kind, offset }) => [kind, offset]);
  return { accounts, found, coverage, suspect, from, to, end };
}

describe('the running audit', () => {
  test('judges what was delivered and has settled', async () => {
    append(100);
    await deliver(0, 60);
    expect(await round()).toMatchObject({
      accounts: { settled: 60, stored: 60, residual: 0 },
      coverage: 0.6,
      to: 60,
      end: 100,
    });
    await deliver(60, 100);
    expect(await round()).toMatchObject({
      accounts: { settled: 100, stored: 100, residual: 0 },
      coverage: 1,
      found: [],
    });
  });

  test('reads again what its group has passed, after a restart without a memory', async () => {
    append(100);
    committed = 70;
    await deliver(70, 100);
    expect(reads).toEqual([[0, 70]]);
    expect(await round()).toMatchObject({ accounts: { stored: 100, residual: 0 }, coverage: 1 });
  });

  test('neither loses nor invents anything when its group is reset, back or ahead', async () => {
    append(100);
    await deliver(0, 50);
    await deliver(20, 50);
    await deliver(0, 10);
    await deliver(80, 100);
    expect(reads).toEqual([[50, 80]]);
    rows.delete(65);
    expect(await round()).toMatchObject({ suspect: 1, found: [], accounts: { settled: 99, stored: 99 } });
    nowMs += GRACE_MS;
    const { accounts, found } = await round();
    expect(accounts).toMatchObject({ settled: 100, stored: 99, missing: 1, residual: 0 });
    expect(found).toEqual([['missing', 65]]);
  });

  test('sees a loss that happens long after a window was proved, and its recovery', async () => {
    append(100);
    await deliver(0, 100);
    await round();
    rows.delete(42);
    const seen: unknown[] = [];
    for (let rounds = 0; rounds < 20; rounds += 1) {
      nowMs += 3_000;
      seen.push(...(await round()).found);
    }
    expect(seen[0]).toEqual(['missing', 42]);
    rows.add(42);
    for (let rounds = 0; rounds < 20; rounds += 1) {
      nowMs += 3_000;
      await round();
    }
    expect(await round()).toMatchObject({ found: [], accounts: { stored: 100, missing: 0 } });
  });

  test('reads what its group has passed also where nothing more comes', async () => {
    append(100);
    committed = 100;
    audit.assigned([AT], GROUP);
    await vi.waitFor(async () => expect(await round()).toMatchObject({ accounts: { stored: 100 }, to: 100 }), 20_000);
  });

  test('says when it looked: a round may rest on the look of one before it', async () => {
    append(100);
    await deliver(0, 100);
    const looked = async (atMs: number, offset: number) => {
      nowMs = atMs;
      await round();
      return audit.lookedAtMs({ kind: 'missing', stage: 'log-to-stored', detail: '', partition: 0, offset });
    };
    expect([await looked(1_000, 0), await looked(4_000, 99), await looked(9_000, 50)]).toEqual([1_000, 1_000, 9_000]);
    expect(await looked(9_000, 100)).toBeUndefined();
  });

  test('notes each change of a leader once', async () => {
    for (const leaderEpoch of [5, 5, 6, 6, 8]) {
      nowMs += 1;
      const partitions = [{ partition: 0, leader: 1, leaderEpoch }] as unknown as TopicDescription['partitions'];
      await audit.round({ ...DESCRIPTION, partitions }, 'c', 'r');
    }
    expect(audit.timeline.events.map(({ atMs, kind }) => `${kind} ${atMs}`)).toEqual([
      'leader-change 3',
      'leader-change 5',
    ]);
  });

  test('does not begin again, and is not ended, by a failure at the beginning', async () => {
    append(10);
    committed = 5;
    const failing = vi.spyOn(ranges, 'read').mockImplementationOnce(() => {
      throw new Error('broker away');
    });
    await expect(deliver(5, 10)).rejects.toThrow('broker away');
    failing.mockRestore();
    await deliver(5, 10);
    expect(await round()).toMatchObject({ accounts: { settled: 10, stored: 10, residual: 0 } });
  });
});

describe('of two running audits in one group', () => {
  test('neither passes what the other one reads, and the one that is left does', async () => {
    append(100);
    const [one, other] = [audit, newAudit()];
    await deliver(0, 100);
    const stages = async (of: LiveAudit) => {
      const { verdict, stages: all, coverage } = await of.round(DESCRIPTION, 'c', 'r');
      return { verdict, coverage, gateway: all.find(({ stage }) => stage === 'gateway-to-log')?.detail };
    };
    // One has the events, the other one the checkpoints.
    const reading = 'the audit is still reading the log';
    const unread = { verdict: 'inconclusive', gateway: expect.stringContaining(reading) };
    expect(await stages(one)).toEqual({ ...unread, coverage: 1 });
    expect(await stages(other)).toEqual({ ...unread, coverage: 0 });
    committed = 0;
    for (const topic of [TOPIC.sources, TOPIC.rejected]) {
      const records = log.map((record) => ({ ...record, topic }));
      await one.handleBatch(batchOf(records, topic), GROUP);
    }
    expect((await stages(one)).gateway).not.toContain(reading);
  });
});

describe('what retention takes from the log', () => {
  test('stays judged where it was read, though it cannot be read again', async () => {
    append(100);
    await deliver(0, 100);
    logStart = 30;
    for (const offset of [10, 50]) rows.delete(offset);
    await round();
    nowMs += GRACE_MS;
    const { accounts, found, coverage, from } = await round();
    expect(accounts).toMatchObject({ settled: 100, expired: 30, stored: 69, missing: 1, residual: 0 });
    expect([coverage, from]).toEqual([1, 0]);
    expect(found).toEqual([
      ['missing', 50],
      ['expired-unaudited', undefined],
    ]);
  });

  test('before it was read is expired, and what follows is read', async () => {
    append(100);
    await deliver(0, 20);
    logStart = 60;
    await deliver(80, 100);
    expect(reads).toEqual([[60, 80]]);
    rows.delete(70);
    await round();
    nowMs += GRACE_MS;
    const { accounts, found } = await round();
    expect(accounts).toMatchObject({ settled: 100, expired: 60, stored: 39, missing: 1, residual: 0 });
    expect(found.map(([kind, at]) => `${kind} ${at}`)).toEqual(['missing 70', 'expired-unaudited undefined']);
  });
});
