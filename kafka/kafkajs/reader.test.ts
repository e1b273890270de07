import { EventEmitter } from 'node:events';
import kafkajs from 'kafkajs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PmcError } from '../../service/errors.ts';
import type { Batch, LogAdmin, OffsetGap, Reader } from '../log.ts';
import { startKafkajsReader } from './reader.ts';

const TOPIC = 'pmc.messages.incoming';

/** A consumer of kafkajs as the reader sees it; a test plays the library's part. */
class ScriptedConsumer extends EventEmitter {
  readonly events = { GROUP_JOIN: 'join', REBALANCING: 'rebalancing', FETCH: 'fetch', CRASH: 'crash' };
  eachBatch: (payload: unknown) => Promise<void> = () => Promise.resolve();
  readonly resolved: string[] = [];
  readonly committed: string[] = [];
  heartbeats = 0;
  heartbeatFailure: Error | undefined;

  connect = () => Promise.resolve();
  subscribe = () => Promise.resolve();
  disconnect = () => Promise.resolve();
  run = ({ eachBatch }: { eachBatch: ScriptedConsumer['eachBatch'] }) => {
    this.eachBatch = eachBatch;
    return Promise.resolve();
  };

  join(partitions: readonly number[]): void {
    this.emit(this.events.GROUP_JOIN, { payload: { memberAssignment: { [TOPIC]: partitions } } });
  }

  /** Hands offsets over as one fetched batch of partition 0. */
  deliver(offsets: readonly number[]): Promise<void> {
    const messages = offsets.map((offset) => ({
      offset: String(offset),
      timestamp: '5',
      key: null,
      value: Buffer.from('v'),
      headers: { one: Buffer.from('1'), many: [Buffer.from('1'), Buffer.from('2')], none: undefined },
    }));
    return this.eachBatch({
      batch: { topic: TOPIC, partition: 0, messages, highWatermark: '100' },
      heartbeat: () => {
        this.heartbeats += 1;
        return this.heartbeatFailure === undefined ? Promise.resolve() : Promise.reject(this.heartbeatFailure);
      },
      resolveOffset: (offset: string) => this.resolved.push(offset),
      commitOffsetsIfNecessary: ({ topics }: { topics: { partitions: { offset: string }[] }[] }) => {
        this.committed.push(...topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)));
        return Promise.resolve();
      },
      isRunning: () => true,
      isStale: () => false,
    });
  }
}

let consumer: ScriptedConsumer;
vi.mock('./client.ts', () => ({ METADATA_AGE_MAX_MS: 1, kafkaClient: () => ({ consumer: () => consumer }) }));

let reader: Reader;
let incarnation: string;
let adminFailure: Error | undefined;
let handle: (batch: Batch) => Promise<void>;
const batches: Batch[] = [];
const gaps: OffsetGap[] = [];
const fatal: PmcError[] = [];

function offsetsOf(batch: Batch | undefined): readonly bigint[] {
  return batch?.records.map(({ offset }) => offset) ?? [];
}

beforeEach(async () => {
  vi.useFakeTimers();
  for (const seen of [batches, gaps, fatal]) seen.length = 0;
  consumer = new ScriptedConsumer();
  incarnation = 'first-life';
  handle = () => Promise.resolve();
  adminFailure = undefined;
  const described = () => [{ topic: TOPIC, incarnation, partitions: [] }];
  const admin = { topics: () => (adminFailure ? Promise.reject(adminFailure) : Promise.resolve(described())) };
  reader = await startKafkajsReader({
    brokers: ['broker:1'],
    clientId: 'test',
    groupId: 'group',
    topics: [TOPIC],
    batchRecordsMax: 2,
    logger: pino({ level: 'silent' }),
    admin: admin as unknown as LogAdmin,
    handleBatch: (batch) => {
      batches.push(batch);
      return handle(batch);
    },
    onGap: (gap) => gaps.push(gap),
    onFatal: (error) => fatal.push(error),
  });
  consumer.join([0]);
});

afterEach(async () => {
  await reader.stop();
  vi.useRealTimers();
});

describe('the reader', () => {
  test('hands over at most so many records at once and commits one past the last after each return', async () => {
    const committedBefore: number[] = [];
    handle = () => {
      committedBefore.push(consumer.committed.length);
      return Promise.resolve();
    };
    await consumer.deliver([7, 8, 9]);
    expect(batches.map(offsetsOf)).toEqual([[7n, 8n], [9n]]);
    expect(committedBefore).toEqual([0, 1]);
    expect(consumer.resolved).toEqual(['8', '9']);
    expect(consumer.committed).toEqual(['9', '10']);
    expect(batches[0]).toMatchObject({ incarnation: 'first-life', generation: 1, highWatermark: 100n });
  });

  test('keeps the last of several headers of one name, and drops one without a value', async () => {
    await consumer.deliver([1]);
    expect(batches[0]?.records[0]?.headers).toEqual({ one: Buffer.from('1'), many: Buffer.from('2') });
  });

  test.each([new Error('database away'), new TypeError('x is not a function'), 'odd'])(
    'commits nothing when the handler throws, and tells kafkajs to hand the same records over again: %s',
    async (thrown) => {
      handle = () => Promise.reject(thrown);
      const failed = await consumer.deliver([7, 8, 9]).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(kafkajs.KafkaJSError);
      expect(failed).toMatchObject({ retriable: true });
      expect([consumer.resolved, consumer.committed]).toEqual([[], []]);
    },
  );

  test('keeps what was handled before a later part of the same fetch failed', async () => {
    handle = (batch) => (offsetsOf(batch).includes(9n) ? Promise.reject(new Error('no')) : Promise.resolve());
    await expect(consumer.deliver([7, 8, 9])).rejects.toThrow('no');
    expect(consumer.committed).toEqual(['9']);
    handle = () => Promise.resolve();
    await consumer.deliver([9]);
    expect(gaps).toEqual([]);
  });

  test('names a jump in the offsets', async () => {
    await consumer.deliver([7, 8]);
    await consumer.deliver([11]);
    expect(gaps).toEqual([{ topic: TOPIC, partition: 0, expected: 9n, got: 11n }]);
  });
});

describe('a lost assignment', () => {
  test('aborts the batch in hand, which is then neither resolved nor committed', async () => {
    handle = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const delivered = consumer.deliver([7]);
    await vi.waitUntil(() => batches.length === 1);
    consumer.emit(consumer.events.REBALANCING, {});
    await delivered;
    expect([consumer.resolved, consumer.committed]).toEqual([[], []]);
    await consumer.deliver([7]);
    expect(batches).toHaveLength(1);
    consumer.join([0]);
    handle = () => Promise.resolve();
    await consumer.deliver([7]);
    expect(batches[1]).toMatchObject({ generation: 2 });
    expect(consumer.committed).toEqual(['8']);
  });

  // A broker that restarts drops the connection and keeps the member: kafkajs goes on without joining again, so a batch
  // given up for one failed heartbeat must not be the last one ever handled.
  test.each([
    ['returns', () => undefined],
    ['throws', () => Promise.reject(new Error('given up'))],
  ])(
    'is not what one failed heartbeat means: the handler %s, and is called when the batch comes again',
    async (_name, end) => {
      handle = async ({ signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await end();
      };
      const delivered = consumer.deliver([7]).catch((error: unknown) => error);
      await vi.waitUntil(() => batches.length === 1);
      consumer.heartbeatFailure = new kafkajs.KafkaJSConnectionError('connection reset');
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await delivered).toBe(consumer.heartbeatFailure);
      expect([consumer.resolved, consumer.committed]).toEqual([[], []]);
      consumer.heartbeatFailure = undefined;
      handle = () => Promise.resolve();
      await consumer.deliver([7]);
      expect(batches).toHaveLength(2);
      expect(consumer.committed).toEqual(['8']);
    },
  );

  // The brokers are often away at the very moment of a join.
  test('is not needed to learn what could not be asked at the join', async () => {
    adminFailure = new Error('no answer from Kafka');
    consumer.join([0]);
    await expect(consumer.deliver([7])).rejects.toThrow('no answer from Kafka');
    await expect(consumer.deliver([7])).rejects.toThrow('no answer from Kafka');
    adminFailure = undefined;
    await consumer.deliver([7]);
    expect(batches.map((batch) => batch.incarnation)).toEqual(['first-life']);
    expect(consumer.committed).toEqual(['8']);
  });

  test('is told from a long batch, which is kept alive by heartbeats', async () => {
    let finish = (): void => undefined;
    handle = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const delivered = consumer.deliver([7]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(consumer.heartbeats).toBeGreaterThanOrEqual(59);
    finish();
    await delivered;
    expect(consumer.committed).toEqual(['8']);
  });
});

describe('what the reader cannot cure', () => {
  test('is a topic that was created again under it: the batch is aborted and the service told', async () => {
    handle = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const delivered = consumer.deliver([7]);
    await vi.waitUntil(() => batches.length === 1);
    incarnation = 'second-life';
    await vi.advanceTimersByTimeAsync(6_000);
    await delivered;
    expect(fatal.map(({ code }) => code)).toEqual(['PMC_TOPIC_RECREATED']);
    expect(consumer.committed).toEqual([]);
  });

  test('is a consumer that crashed and does not restart itself', () => {
    const crash = (restart: boolean) =>
      consumer.emit(consumer.events.CRASH, { payload: { error: new Error('dead'), restart } });
    crash(true);
    expect(fatal).toEqual([]);
    crash(false);
    expect(fatal.map(({ code }) => code)).toEqual(['PMC_READER_FAILED']);
  });
});
