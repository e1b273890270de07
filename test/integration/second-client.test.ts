// Appending and reading in a group by the second client, on a real broker: what was acknowledged is handed over once, in order,
// across restarts, rebalances (also with members of the first client), pauses and seeks; a jump is reported if and only if it
// is one.
import { randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import { openAdmin, openAppender, openReader } from '../../kafka/connect.ts';
import type { AppendRecord, Batch, LogAdmin, OffsetGap, Reader, ReaderOptions } from '../../kafka/log.ts';
import type { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import { newTopicThere } from '../support/new-topic.ts';

const logger = createLogger('test', 'silent');
const PARTITIONS = 4;
/** Not long ago: retention goes by the records' own time. */
const APPENDED_AT_MS = Date.now();
const WAIT = { timeout: 60_000, interval: 50 };

const topics = new Admin({ clientId: 'test', bootstrapBrokers: inject('brokers') });
let admin: LogAdmin;
let topic: string;
let incarnation: string;
const readers = new Set<Reader>();

beforeAll(() => {
  admin = openAdmin({ config: { brokers: inject('brokers') }, clientId: 'test' });
});

beforeEach(async () => {
  topic = `test-${randomUUID()}`;
  await topics.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  incarnation = await newTopicThere(admin, topic);
});

afterEach(async () => {
  await Promise.all([...readers].map((reader) => reader.stop()));
  readers.clear();
  await topics.deleteTopics({ topics: [topic] });
});

afterAll(async () => {
  await Promise.all([topics.close(), admin.stop()]);
});

function record(text: string): AppendRecord {
  return { key: 'k', value: Buffer.from(text), headers: { h: text }, timestampMs: APPENDED_AT_MS };
}

/** Appends `count` records to each partition, some in each append, and returns their texts. */
async function fill(count: number, name: string): Promise<readonly string[]> {
  const config = { brokers: inject('brokers'), appenderClient: 'platformatic' } as const;
  const appender = openAppender({ config, clientId: 'test', logger });
  const texts: string[] = [];
  const appends: Promise<void>[] = [];
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (let from = 0; from < count; from += 100) {
      const some = Array.from({ length: Math.min(100, count - from) }, (_, i) => `${name}-${partition}-${from + i}`);
      texts.push(...some);
      appends.push(
        appender.append({ topic, partition }, some.map(record)).then((outcome) => {
          if (outcome.outcome !== 'acked') throw outcome.error;
        }),
      );
    }
  }
  await Promise.all(appends);
  await appender.stop();
  return texts;
}

class Seen {
  readonly texts: string[] = [];
  readonly gaps: OffsetGap[] = [];
  readonly generations: number[] = [];
  readonly fatal: PmcError[] = [];

  take({ records }: Batch): Promise<void> {
    this.texts.push(...records.map(({ value }) => String(value)));
    return Promise.resolve();
  }
}

async function read(
  seen: Seen,
  groupId: string,
  options: Partial<ReaderOptions> & { readonly client?: 'kafkajs' | 'platformatic' } = {},
): Promise<Reader> {
  const { client: readerClient = 'platformatic', ...rest } = options;
  const reader = await openReader(
    { config: { brokers: inject('brokers'), readerClient }, clientId: 'test', logger },
    {
      admin,
      groupId,
      topics: [topic],
      batchRecordsMax: 60,
      handleBatch: (batch) => seen.take(batch),
      onAssigned: (_, generation) => seen.generations.push(generation),
      onGap: (gap) => seen.gaps.push(gap),
      onFatal: (error) => seen.fatal.push(error),
      ...rest,
    },
  );
  readers.add(reader);
  return reader;
}

async function stop(reader: Reader): Promise<void> {
  readers.delete(reader);
  await reader.stop();
}

async function committedUpTo(groupId: string, end: bigint): Promise<void> {
  await vi.waitFor(async () => {
    const committed = await admin.committed(groupId, topic);
    expect([...committed.values()]).toEqual(Array.from({ length: PARTITIONS }, () => end));
  }, WAIT);
}

function ordered(texts: readonly string[], partition: number): readonly string[] {
  return texts.filter((text) => text.includes(`-${partition}-`));
}

test('what was acknowledged is handed over once and in order, also by the next member of the group', async () => {
  const seen = new Seen();
  const batches: Batch[] = [];
  const first = await fill(250, 'a');
  const handleBatch = async (batch: Batch): Promise<void> => {
    batches.push(batch);
    await seen.take(batch);
  };
  await stop(
    await read(seen, topic, { handleBatch }).then(async (reader) => {
      await committedUpTo(topic, 250n);
      return reader;
    }),
  );
  const second = await fill(150, 'b');
  await read(seen, topic, { handleBatch });
  await committedUpTo(topic, 400n);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    expect(ordered(seen.texts, partition)).toEqual(ordered([...first, ...second], partition));
  }
  expect(seen.gaps).toEqual([]);
  expect(Math.max(...batches.map(({ records }) => records.length))).toBe(60);
  const [{ records, ...batch }] = batches as [Batch];
  expect(batch.incarnation).toBe(incarnation);
  expect(records[0]).toMatchObject({ key: Buffer.from('k'), timestampMs: APPENDED_AT_MS });
  expect(records[0]?.headers['h']).toEqual(records[0]?.value);
});

test.for(['platformatic', 'kafkajs'] as const)('a member on %s comes and goes, and nothing is lost', async (client) => {
  const [one, other] = [new Seen(), new Seen()];
  const expected = [...(await fill(200, 'a'))];
  await read(one, topic);
  await vi.waitFor(() => expect(one.texts.length).toBeGreaterThan(0), WAIT);
  const passing = await read(other, topic, { client });
  await vi.waitFor(() => expect(passing.assigned).toHaveLength(PARTITIONS / 2), WAIT);
  expected.push(...(await fill(200, 'b')));
  await vi.waitFor(() => expect(other.texts.filter((text) => text.startsWith('b'))).not.toHaveLength(0), WAIT);
  await stop(passing);
  expected.push(...(await fill(200, 'c')));
  await committedUpTo(topic, 600n);
  expect(new Set([...one.texts, ...other.texts])).toEqual(new Set(expected));
  expect(one.generations).toEqual(one.generations.map((_, index) => index + 1));
  expect(one.generations.length).toBeGreaterThanOrEqual(3);
  expect([...one.gaps, ...other.gaps]).toEqual([]);
});

test('a handler that throws gets the same records again, and the other partitions go on', async () => {
  const seen = new Seen();
  const expected = await fill(100, 'a');
  let thrown = 0;
  let isIll = true;
  await read(seen, topic, {
    handleBatch: (batch) => {
      if (batch.partition === 2 && isIll) {
        thrown += 1;
        return Promise.reject(new TypeError('as a bug would'));
      }
      return seen.take(batch);
    },
  });
  await vi.waitFor(() => expect(seen.texts).toHaveLength(300), WAIT);
  await vi.waitFor(() => expect(thrown).toBeGreaterThan(2), WAIT);
  isIll = false;
  await committedUpTo(topic, 100n);
  expect(new Set(seen.texts)).toEqual(new Set(expected));
  expect(seen.texts).toHaveLength(400);
  expect(seen.gaps).toEqual([]);
});

test('a slow handler of one partition does not hold up the others', async () => {
  const seen = new Seen();
  await fill(100, 'a');
  const released = Promise.withResolvers<void>();
  await read(seen, topic, {
    handleBatch: async (batch) => {
      if (batch.partition === 0) await released.promise;
      await seen.take(batch);
    },
  });
  await vi.waitFor(() => expect(seen.texts).toHaveLength(300), WAIT);
  expect(ordered(seen.texts, 0)).toEqual([]);
  released.resolve();
  await committedUpTo(topic, 100n);
});

test('pauses and seeks hold across a rebalance', async () => {
  const seen = new Seen();
  await fill(100, 'a');
  const reader = await read(seen, topic);
  await committedUpTo(topic, 100n);
  reader.pause([{ topic, partition: 1 }]);
  const passing = await read(new Seen(), topic);
  await vi.waitFor(() => expect(passing.assigned).toHaveLength(2), WAIT);
  await stop(passing);
  await vi.waitFor(() => expect(reader.assigned).toHaveLength(PARTITIONS), WAIT);
  await fill(10, 'b');
  await vi.waitFor(() => expect(seen.texts).toHaveLength(430), WAIT);
  expect(ordered(seen.texts, 1)).toHaveLength(100);
  seen.texts.length = 0;
  reader.seek({ topic, partition: 1 }, 95n);
  reader.resume([{ topic, partition: 1 }]);
  await vi.waitFor(() => expect(seen.texts).toHaveLength(15), WAIT);
  expect(seen.texts[0]).toBe('a-1-95');
  await committedUpTo(topic, 110n);
});

test('records that retention took are reported as a gap, once', async () => {
  const seen = new Seen();
  await fill(100, 'a');
  const reader = await read(seen, topic);
  await committedUpTo(topic, 100n);
  await stop(reader);
  await fill(100, 'b');
  await topics.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 3, offset: 150n }] }] });
  await read(seen, topic);
  await committedUpTo(topic, 200n);
  expect(seen.gaps).toEqual([{ topic, partition: 3, expected: 100n, got: 150n }]);
  expect(ordered(seen.texts, 3)).toHaveLength(150);
});

test('aborted data and control records are neither handed over nor gaps, and are committed past', async () => {
  const seen = new Seen();
  for (const [index, end] of (['abort', 'commit', 'abort', 'commit', 'abort'] as const).entries()) {
    // Each under an id of its own: the broker may still be writing the end of the one before, and takes no other under its id meanwhile.
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: inject('brokers'),
      idempotent: true,
      transactionalId: `${topic}-${index}`,
    });
    try {
      const transaction = await producer.beginTransaction();
      const messages = [0, 1, 2, 3].map((partition) => ({ topic, partition, value: Buffer.from(end) }));
      await transaction.send({ messages });
      await transaction[end]();
    } finally {
      await producer.close();
    }
  }
  await read(seen, topic);
  await committedUpTo(topic, 10n);
  expect(seen.texts).toEqual(Array.from({ length: 2 * PARTITIONS }, () => 'commit'));
  expect(seen.gaps).toEqual([]);
});

test('a topic that is deleted and created again is noticed, and nothing of it is taken for the old one', async () => {
  const seen = new Seen();
  await fill(100, 'a');
  await read(seen, topic);
  await committedUpTo(topic, 100n);
  await topics.deleteTopics({ topics: [topic] });
  await vi.waitFor(() => topics.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 }), WAIT);
  await newTopicThere(admin, topic, incarnation);
  await fill(120, 'b');
  await vi.waitFor(() => expect(seen.fatal).toMatchObject([{ code: 'PMC_TOPIC_RECREATED' }]), WAIT);
  expect(seen.texts).toHaveLength(400);
  expect(seen.texts.filter((text) => text.startsWith('b'))).toEqual([]);
});
