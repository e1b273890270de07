import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { Batch, LogAdmin, LogRecord, RangeReader, TopicPartition } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { LiveReading } from './live-reading.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const AT: TopicPartition = { topic: TOPIC.incoming, partition: 0 };
const GROUP = 'pmc-gap-detector';
const RECORDS = 10;

const codec = new Codec('http://registry');
let log: LogRecord[];
/** What the audit's own group has committed. */
let committed: number;
let reads: (readonly [number, number])[];
/** The first reading of a range breaks off after this offset. */
let breaksAfter: number | undefined;
let reading: LiveReading;
/** What it could not begin, as the log has it. */
let unread: string[];

const admin = {
  ends: () =>
    Promise.resolve(new Map([[0, { logStart: 0n, lastStable: BigInt(RECORDS), highWatermark: BigInt(RECORDS) }]])),
  committed: () => Promise.resolve(new Map([[0, BigInt(committed)]])),
} as unknown as LogAdmin;

const ranges: RangeReader = {
  async *read(_from, lower, upper) {
    reads.push([Number(lower), Number(upper)]);
    const end = breaksAfter ?? Number(upper);
    yield log
      .slice(Number(lower), end)
      .map((record) => ({ kind: 'record' as const, record, leaderEpoch: record.offset < 5n ? 1 : 2 }));
    const isBroken = breaksAfter !== undefined;
    breaksAfter = undefined;
    if (isBroken) await Promise.reject(new Error('broker away'));
  },
  stop: () => Promise.resolve(),
};

beforeEach(async () => {
  await codec.prepare([TOPIC.incoming]);
  [committed, reads, breaksAfter, unread] = [0, [], undefined, []];
  log = Array.from({ length: RECORDS }, (_, offset) => {
    const event = incomingEvent(Buffer.from(`{"n":${offset}}`), { ingestSeq: offset + 1 });
    const value = codec.encode(TOPIC.incoming, event);
    return { ...AT, offset: BigInt(offset), timestampMs: 0, key: null, value, headers: {} };
  });
  const logger = pino({ level: 'warn' }, { write: (line) => void unread.push(line) });
  reading = new LiveReading({ admin, ranges, codec }, logger);
});

function deliver(from: number, to: number): Promise<void> {
  const about = { ...AT, incarnation: 'i', generation: 1, highWatermark: BigInt(RECORDS) };
  const batch: Batch = { ...about, records: log.slice(from, to), signal: new AbortController().signal };
  return reading.handleBatch(batch, GROUP);
}

/** Whatever was taken twice or out of order is a finding. */
function taken() {
  const { audited, logStarts } = reading;
  const { epochs, findings } = audited.gateway.judge(audited.positions, logStarts, 0);
  return { inLog: epochs.map(({ inLog }) => inLog), findings: [...findings, ...audited.findings] };
}

const ALL_ONCE = { inLog: [RECORDS], findings: [] };

describe('what the running audit reads', () => {
  test('is taken once where it comes again while it is still in hand', async () => {
    await Promise.all([deliver(0, 8), deliver(0, 10), deliver(4, 6)]);
    expect([taken(), reads]).toEqual([ALL_ONCE, []]);
  });

  test('is taken once where a failure on the way ends the reading', async () => {
    committed = 8;
    breaksAfter = 7;
    await expect(deliver(8, 10)).rejects.toThrow('broker away');
    await deliver(8, 10);
    expect([taken(), reads]).toEqual([
      ALL_ONCE,
      [
        [0, 8],
        [7, 8],
      ],
    ]);
  });

  test('ends where the log ends, where that is no record: read when nothing has come since the last look', async () => {
    await deliver(0, 10);
    const marker = [{ ...AT, end: 11n }];
    await reading.readOn(marker);
    expect(reads).toEqual([]);
    await reading.readOn(marker);
    await reading.readOn(marker);
    expect([reads, reading.audited.position(AT)]).toEqual([[[10, 11]], 11n]);
    expect(taken()).toEqual(ALL_ONCE);
  });

  test('is taken once where two begin at the same time, and a failure of one does not hold up the other', async () => {
    committed = 8;
    breaksAfter = 3;
    const ends = await Promise.allSettled([reading.begin(AT, GROUP), deliver(8, 10), deliver(8, 10)]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect([taken(), reads]).toEqual([
      ALL_ONCE,
      [
        [0, 8],
        [3, 8],
      ],
    ]);
  });
});

describe('a partition to which nothing more comes', () => {
  const ends = [{ ...AT, end: BigInt(RECORDS) }];
  const failed = () =>
    vi.waitFor(() => {
      expect(unread).toHaveLength(1);
    });

  test('is begun again where that failed, and the log says why it did', async () => {
    committed = RECORDS;
    breaksAfter = 3;
    reading.assigned([AT], GROUP);
    await failed();
    expect(JSON.parse(unread[0] ?? '')).toMatchObject({ ...AT, error: 'broker away', msg: 'audit.log.unread' });
    await reading.readOn(ends);
    await vi.waitFor(() => expect(reading.audited.position(AT)).toBe(BigInt(RECORDS)));
    await reading.readOn(ends);
    expect([taken(), reads]).toEqual([
      ALL_ONCE,
      [
        [0, RECORDS],
        [3, RECORDS],
      ],
    ]);
  });

  test('is left to whoever has it by then', async () => {
    committed = RECORDS;
    breaksAfter = 3;
    reading.assigned([AT], GROUP);
    await failed();
    reading.assigned([], GROUP);
    await reading.readOn(ends);
    await reading.begin({ ...AT, partition: 1 }, GROUP);
    expect(reads).toEqual([[0, RECORDS]]);
  });

  test('is begun up to the end of a log that was cut below what the group has committed', async () => {
    committed = RECORDS + 40;
    await reading.begin(AT, GROUP);
    expect([taken(), reads, reading.audited.position(AT)]).toEqual([ALL_ONCE, [[0, RECORDS]], BigInt(RECORDS)]);
  });
});
