// The reader of ranges on a scripted consumer: the test plays the library's part. What the real library does with a real broker is
// shown by test/integration/a-hole-is-looked-at-twice.test.ts; here is what a broker does not do on demand.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RangeEntry, RangeReader } from '../log.ts';
import { offsetOf } from '../offsets.ts';
import { kafkajsRangeReader } from './range-reader.ts';
import { ScriptedConsumer, TOPIC } from './scripted-consumer.testing.ts';

const LEADER = 1;
const FOLLOWER = 2;
const QUIET = { duration: 500 };

interface Assigners {
  readonly partitionAssigners: readonly ((at: unknown) => unknown)[];
}

let consumer: ScriptedConsumer;
let reader: RangeReader;
let ended: string[];
vi.mock('./client.ts', () => {
  const cluster = { findTopicPartitionMetadata: () => [{ partitionId: 0, leader: LEADER }] };
  return {
    METADATA_AGE_MAX_MS: 1,
    kafkaClient: () => ({
      consumer: ({ partitionAssigners: [assigner] }: Assigners) => {
        assigner?.({ cluster });
        return consumer;
      },
    }),
  };
});

beforeEach(() => {
  vi.useFakeTimers();
  ended = [];
  consumer = new ScriptedConsumer();
  consumer.disconnect = () => {
    ended.push('disconnected');
    return Promise.resolve();
  };
  reader = kafkajsRangeReader({ brokers: ['broker:1'], clientId: 'test', logger: pino({ level: 'silent' }) });
});

afterEach(async () => {
  await reader.stop();
  vi.useRealTimers();
});

/** All that is read below offset 10, or why not. */
async function readAll(signal?: AbortSignal): Promise<readonly bigint[] | string> {
  const found: RangeEntry[] = [];
  try {
    for await (const entries of reader.read({ topic: TOPIC, partition: 0 }, 0n, 10n, signal)) found.push(...entries);
  } catch (error) {
    return String((error as { readonly code?: string }).code);
  }
  return found.map(offsetOf);
}

/** The end of a fetch that brought no record. */
function fetched(nodeId: number, { duration }: { readonly duration: number } = QUIET): void {
  consumer.emit(consumer.events.FETCH, { payload: { nodeId: String(nodeId), duration } });
}

test('ends where the leader has answered often enough that there is nothing more, however often others answer', async () => {
  const read = readAll();
  await vi.advanceTimersByTimeAsync(10);
  await consumer.deliver([0, 1]);
  consumer.skip(1);
  for (let count = 0; count < 10; count += 1) fetched(FOLLOWER);
  // An error that the library keeps to itself comes back sooner than an answer without records.
  for (let count = 0; count < 10; count += 1) fetched(LEADER, { duration: 3 });
  for (let count = 0; count < 3; count += 1) fetched(LEADER);
  await consumer.deliver([4]);
  consumer.skip(4);
  for (let count = 0; count < 3; count += 1) fetched(LEADER);
  await consumer.deliver([6]);
  consumer.skip(6);
  for (let count = 0; count < 4; count += 1) fetched(LEADER);
  await consumer.deliver([7]);
  expect(await read).toEqual([0n, 1n, 4n, 6n]);
});

test('begins to count again after a rebalance, and goes on where it was', async () => {
  const read = readAll();
  await vi.advanceTimersByTimeAsync(10);
  await consumer.deliver([0, 1]);
  for (let count = 0; count < 3; count += 1) fetched(LEADER);
  consumer.join([0]);
  expect(consumer.told).toEqual([['seek', { topic: TOPIC, partition: 0, offset: '2' }]]);
  for (let count = 0; count < 3; count += 1) fetched(LEADER);
  await consumer.deliver([8, 9, 10]);
  consumer.skip(10);
  expect(await read).toEqual([0n, 1n, 8n, 9n]);
});

const nothing = (): void => undefined;

test.each<[string, () => void, () => unknown]>([
  [
    'a client that cannot connect',
    () => void (consumer.connect = () => Promise.reject(new Error('no broker'))),
    nothing,
  ],
  ['a client that gives up', nothing, crash],
  ['a broker that says nothing', nothing, () => vi.advanceTimersByTimeAsync(31_000)],
])('tells of %s, and leaves no client behind', async (_what, before, then) => {
  before();
  const read = readAll();
  await vi.advanceTimersByTimeAsync(10);
  await then();
  expect(await read).toBe('PMC_RANGE_UNREADABLE');
  expect(ended).toContain('disconnected');
});

function crash(): void {
  consumer.emit(consumer.events.CRASH, { payload: { error: new Error('gave up'), restart: false } });
}

test('is not silent as long as the leader answers', async () => {
  const read = readAll();
  for (let count = 0; count < 5; count += 1) {
    await vi.advanceTimersByTimeAsync(20_000);
    fetched(LEADER, { duration: 3 });
  }
  await consumer.deliver([9]);
  consumer.skip(9);
  expect(await read).toEqual([9n]);
});

test('a read that is over before it has connected runs nothing, and leaves no client behind', async () => {
  let connect = (): void => undefined;
  consumer.connect = () =>
    new Promise((resolve) => {
      connect = resolve;
    });
  consumer.run = () => {
    ended.push('ran');
    return Promise.resolve();
  };
  const over = new AbortController();
  const read = readAll(over.signal);
  await vi.advanceTimersByTimeAsync(10);
  over.abort();
  expect(await read).toBe('ABORT_ERR');
  expect(ended).toEqual(['disconnected']);
  connect();
  await vi.advanceTimersByTimeAsync(10);
  // Once more: the first found nothing that it could end.
  expect(ended).toEqual(['disconnected', 'disconnected']);
});
