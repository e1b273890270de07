import { createRequire } from 'node:module';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { METADATA_AGE_MAX_MS } from '../client.ts';
import { type BrokerPoolClass, patchLeadersToCome } from './leaders-to-come.ts';

interface BrokerPool {
  brokers: object;
  seedBroker: object;
  refreshMetadataIfNecessary(topics: readonly string[]): Promise<unknown>;
}

const BrokerPool = createRequire(import.meta.url)('kafkajs/src/cluster/brokerPool.js') as new (
  options: object,
) => BrokerPool;
const logger = { namespace: () => logger, debug: () => undefined, warn: () => undefined, error: () => undefined };

const TOPIC = 'a';
let leaders: readonly number[];
const metadata = vi.fn(() => {
  const partitionMetadata = leaders.map((leader, partitionId) => ({ partitionId, leader }));
  return Promise.resolve({ brokers: [], topicMetadata: [{ topic: TOPIC, partitionMetadata }] });
});
let pool: BrokerPool;

beforeEach(() => {
  vi.useFakeTimers();
  metadata.mockClear();
  pool = new BrokerPool({ connectionPoolBuilder: {}, logger, metadataMaxAge: METADATA_AGE_MAX_MS });
  pool.seedBroker = { isConnected: () => true, connect: () => Promise.resolve(), metadata, connectionPool: {} };
});

afterEach(() => {
  vi.useRealTimers();
});

/** How often a broker was asked, of a client that looks every tenth of a second whether what it knows is too old. */
async function askedWithin(forMs: number): Promise<number> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await pool.refreshMetadataIfNecessary([TOPIC]);
    vi.setSystemTime(Date.now() + 100);
  }
  return metadata.mock.calls.length;
}

test('row 40 · what is known of a topic is good for half a minute where all partitions have a leader', async () => {
  leaders = [1, 2];
  expect(await askedWithin(METADATA_AGE_MAX_MS)).toBe(1);
});

test('row 40 · and for a second where one has none', async () => {
  leaders = [1, -1];
  expect(await askedWithin(1_000)).toBe(1);
  leaders = [1, 2];
  expect(await askedWithin(1_000)).toBe(2);
  expect(await askedWithin(METADATA_AGE_MAX_MS - 2_000)).toBe(2);
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const before = () => Promise.resolve();
  const changed: BrokerPoolClass = { prototype: { refreshMetadata: before, refreshMetadataIfNecessary: before } };
  expect(() => patchLeadersToCome(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.prototype.refreshMetadata).toBe(before);
  patchLeadersToCome();
});
