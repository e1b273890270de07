import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Reader } from '../log.ts';
import { offsetsOf, Script, ScriptedConsumer } from './scripted-consumer.testing.ts';

let script: Script;
let reader: Reader;
vi.mock('./client.ts', () => ({ METADATA_AGE_MAX_MS: 1, kafkaClient: () => ({ consumer: () => script.consumer }) }));

beforeEach(async () => {
  vi.useFakeTimers();
  script = new Script();
  reader = await script.startReader();
  script.consumer.join([0]);
});

afterEach(async () => {
  await reader.stop();
  vi.useRealTimers();
});

describe('the reader', () => {
  test('hands over at most so many records at once and commits one past the last after each return', async () => {
    const committedBefore: number[] = [];
    script.handle = () => {
      committedBefore.push(script.consumer.committed.length);
      return Promise.resolve();
    };
    await script.consumer.deliver([7, 8, 9]);
    expect(script.offsets).toEqual([[7n, 8n], [9n]]);
    expect(committedBefore).toEqual([0, 1]);
    expect(script.consumer.resolved).toEqual(['8', '9']);
    expect(script.consumer.committed).toEqual(['9', '10']);
    expect(script.batches[0]).toMatchObject({ incarnation: 'first-life', generation: 1, highWatermark: 100n });
  });

  test('keeps the last of several headers of one name, and drops one without a value', async () => {
    await script.consumer.deliver([1]);
    expect(script.batches[0]?.records[0]?.headers).toEqual({ one: Buffer.from('1'), many: Buffer.from('2') });
  });

  test.each([new Error('database away'), new TypeError('x is not a function'), 'odd'])(
    'commits nothing when the handler throws, and tells kafkajs to hand the same records over again: %s',
    async (thrown) => {
      script.handle = () => Promise.reject(thrown);
      const failed = await script.consumer.deliver([7, 8, 9]).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(kafkajs.KafkaJSError);
      expect(failed).toMatchObject({ retriable: true });
      expect([script.consumer.resolved, script.consumer.committed]).toEqual([[], []]);
    },
  );

  test('keeps what was handled before a later part of the same fetch failed', async () => {
    script.handle = (batch) => (offsetsOf(batch).includes(9n) ? Promise.reject(new Error('no')) : Promise.resolve());
    await expect(script.consumer.deliver([7, 8, 9])).rejects.toThrow('no');
    expect(script.consumer.committed).toEqual(['9']);
    script.handle = () => Promise.resolve();
    await script.consumer.deliver([9]);
    expect(script.gaps).toEqual([]);
  });
});

describe('a lost assignment', () => {
  test('aborts the batch in hand, which is then neither resolved nor committed', async () => {
    script.handle = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const delivered = script.consumer.deliver([7]);
    await vi.waitUntil(() => script.batches.length === 1);
    script.consumer.emit(script.consumer.events.REBALANCING, {});
    await delivered;
    expect([script.consumer.resolved, script.consumer.committed]).toEqual([[], []]);
    // kafkajs fetches on when a join has failed: it is made to join again.
    await expect(script.consumer.deliver([7])).rejects.toMatchObject({ type: 'REBALANCE_IN_PROGRESS' });
    expect(script.batches).toHaveLength(1);
    script.consumer.join([0]);
    script.handle = () => Promise.resolve();
    await script.consumer.deliver([7]);
    expect(script.batches[1]).toMatchObject({ generation: 2 });
    expect(script.consumer.committed).toEqual(['8']);
  });

  // A broker that restarts drops the connection and keeps the member: kafkajs goes on without joining again, so a batch
  // given up for one failed heartbeat must not be the last one ever handled.
  test.each([
    ['returns', () => undefined],
    ['throws', () => Promise.reject(new Error('given up'))],
  ])(
    'is not what one failed heartbeat means: the handler %s, and is called when the batch comes again',
    async (_name, end) => {
      script.handle = async ({ signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await end();
      };
      const delivered = script.consumer.deliver([7]).catch((error: unknown) => error);
      await vi.waitUntil(() => script.batches.length === 1);
      script.consumer.heartbeatFailure = new kafkajs.KafkaJSConnectionError('connection reset');
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await delivered).toBe(script.consumer.heartbeatFailure);
      expect([script.consumer.resolved, script.consumer.committed]).toEqual([[], []]);
      script.consumer.heartbeatFailure = undefined;
      script.handle = () => Promise.resolve();
      await script.consumer.deliver([7]);
      expect(script.batches).toHaveLength(2);
      expect(script.consumer.committed).toEqual(['8']);
    },
  );

  // The brokers are often away at the very moment of a join.
  test('is not needed to learn what could not be asked at the join', async () => {
    script.adminFailure = new Error('no answer from Kafka');
    script.consumer.join([0]);
    await expect(script.consumer.deliver([7])).rejects.toThrow('no answer from Kafka');
    await expect(script.consumer.deliver([7])).rejects.toThrow('no answer from Kafka');
    script.adminFailure = undefined;
    await script.consumer.deliver([7]);
    expect(script.batches.map((batch) => batch.incarnation)).toEqual(['first-life']);
    expect(script.consumer.committed).toEqual(['8']);
  });

  test('is not what a heartbeat that fails after the commit means, and nothing was left out', async () => {
    script.consumer.heartbeatFailure = new kafkajs.KafkaJSConnectionError('connection reset');
    await script.consumer.deliver([7]);
    script.consumer.heartbeatFailure = undefined;
    await script.consumer.deliver([8]);
    expect(script.offsets).toEqual([[7n], [8n]]);
    expect([script.consumer.committed, script.gaps]).toEqual([['8', '9'], []]);
  });

  test('is told from a long batch, which is kept alive by heartbeats', async () => {
    let finish = (): void => undefined;
    script.handle = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const delivered = script.consumer.deliver([7]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(script.consumer.heartbeats).toBeGreaterThanOrEqual(59);
    finish();
    await delivered;
    expect(script.consumer.committed).toEqual(['8']);
  });
});

describe('a client that times out again and again', () => {
  test('is replaced, and what the old one still says is not heard', async () => {
    const old = script.consumer;
    script.consumer = new ScriptedConsumer();
    for (let count = 0; count < 3; count += 1) old.emit(old.events.REQUEST_TIMEOUT, { payload: {} });
    await vi.advanceTimersByTimeAsync(5_000);
    script.consumer.join([0]);
    old.emit(old.events.CRASH, { payload: { error: new Error('dead'), restart: false } });
    expect(script.fatal).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    // It may have joined again by itself, as one more member.
    await old.deliver([5]);
    expect(script.batches).toEqual([]);
    await script.consumer.deliver([7]);
    expect(script.consumer.committed).toEqual(['8']);
    expect(script.batches[0]).toMatchObject({ generation: 2 });
  });
});

// Its types do not mention what it is made of.
const notFound = Reflect.construct(kafkajs.KafkaJSGroupCoordinatorNotFound, [
  'Failed to find group coordinator',
]) as Error;
const notFoundAgain = Object.assign(new kafkajs.KafkaJSNonRetriableError(notFound), { cause: notFound });

test.each([
  ['it joins', notFound],
  ['it joins again', notFoundAgain],
])(
  'a consumer that kafkajs gives up because the coordinator of its group is not found when %s is replaced',
  async (_when, error) => {
    const old = script.consumer;
    script.consumer = new ScriptedConsumer();
    old.emit(old.events.CRASH, { payload: { error, restart: false } });
    await vi.advanceTimersByTimeAsync(1_000);
    script.consumer.join([0]);
    await script.consumer.deliver([7]);
    expect(script.fatal).toEqual([]);
    expect(script.consumer.committed).toEqual(['8']);
  },
);

test('a consumer that kafkajs gives up because of bytes that it cannot read is replaced', async () => {
  const old = script.consumer;
  script.consumer = new ScriptedConsumer();
  const connect = vi.spyOn(script.consumer, 'connect');
  const cause = new RangeError('The value of "offset" is out of range');
  const error = Object.assign(new kafkajs.KafkaJSNonRetriableError(cause), { cause });
  old.emit(old.events.CRASH, { payload: { error, restart: false } });
  // It may meet the same bytes, and each time the whole group assigns anew.
  await vi.advanceTimersByTimeAsync(900);
  expect(connect).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(100);
  script.consumer.join([0]);
  await script.consumer.deliver([7]);
  expect([script.fatal, script.consumer.committed]).toEqual([[], ['8']]);
});

// What stands before a broker that is away may take connections and close them: a client that begins there tries no other one.
const closed = new kafkajs.KafkaJSNumberOfRetriesExceeded(new kafkajs.KafkaJSConnectionError('Closed connection'), {
  retryCount: 5,
  retryTime: 1_000,
});

test.each([
  ['goes away', new kafkajs.KafkaJSConnectionError('read ECONNRESET')],
  ['is away and closes every connection', closed],
  ['says nothing', new Error('Broker not connected')],
  ['still says nothing', new kafkajs.KafkaJSNonRetriableError(new Error('Broker not connected'))],
])('a broker that %s as the reader begins does not end it', async (_what, failure) => {
  await reader.stop();
  script = new Script();
  const first = script.consumer;
  first.subscribe = () => {
    script.consumer = new ScriptedConsumer();
    return Promise.reject(failure);
  };
  reader = await script.startReader();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(script.consumer).not.toBe(first);
  script.consumer.join([0]);
  await script.consumer.deliver([7]);
  expect([script.fatal, script.consumer.committed]).toEqual([[], ['8']]);
});

test('row 42 · nor does one that closes every connection as the reader goes on with a new client: that is replaced too', async () => {
  const old = script.consumer;
  script.consumer = new ScriptedConsumer();
  script.consumer.connect = () => Promise.reject(closed);
  old.emit(old.events.CRASH, { payload: { error: closed, restart: false } });
  script.consumer = new ScriptedConsumer();
  await vi.advanceTimersByTimeAsync(2_000);
  script.consumer.join([0]);
  await script.consumer.deliver([7]);
  expect([script.fatal, script.consumer.committed]).toEqual([[], ['8']]);
});

describe('what the reader cannot cure', () => {
  test('is a topic that was created again under it: the batch is aborted and the service told', async () => {
    script.handle = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const delivered = script.consumer.deliver([7]);
    await vi.waitUntil(() => script.batches.length === 1);
    script.incarnation = 'second-life';
    await vi.advanceTimersByTimeAsync(6_000);
    await delivered;
    expect(script.fatal.map(({ code }) => code)).toEqual(['PMC_TOPIC_RECREATED']);
    expect(script.consumer.committed).toEqual([]);
  });

  // The client joins again when its partitions vanish; what it then knows must not be all that the reader knows.
  test('is a topic that was created again between two assignments', async () => {
    await script.consumer.deliver([7]);
    script.consumer.emit(script.consumer.events.REBALANCING, {});
    script.incarnation = 'second-life';
    script.consumer.join([0]);
    const delivered = script.consumer.deliver([0]);
    await vi.advanceTimersByTimeAsync(1_000);
    await delivered;
    expect(script.fatal.map(({ code }) => code)).toEqual(['PMC_TOPIC_RECREATED']);
    expect(script.offsets).toEqual([[7n]]);
    expect(script.consumer.committed).toEqual(['8']);
  });

  test('is a consumer that crashed and does not restart itself', () => {
    const crash = (restart: boolean) =>
      script.consumer.emit(script.consumer.events.CRASH, { payload: { error: new Error('dead'), restart } });
    crash(true);
    expect(script.fatal).toEqual([]);
    crash(false);
    expect(script.fatal.map(({ code }) => code)).toEqual(['PMC_READER_FAILED']);
  });
});
