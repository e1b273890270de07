import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import '../client.ts';
import { type ClusterClass, patchOffsetsWithoutLeader } from './offsets-without-leader.ts';

interface Asked {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number }[];
  }[];
}

interface Cluster {
  readonly brokerPool: { metadata: object; brokers: object };
}

interface OffsetManager {
  resolveOffsets(): Promise<void>;
  committedOffsets(): object;
}

const require = createRequire(import.meta.url);
const Cluster = require('kafkajs/src/cluster/index.js') as new (options: object) => Cluster;
const OffsetManager = require('kafkajs/src/consumer/offsetManager/index.js') as new (options: object) => OffsetManager;
const logger = { namespace: () => logger, debug: () => undefined, warn: () => undefined, error: () => undefined };

function answer({ topics }: Asked, offset: string) {
  const responses = topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({ partition, offset })),
  }));
  return Promise.resolve({ responses });
}

/** A cluster that knows these leaders of the partitions of each topic, and a broker 1 on which all logs begin at offset 5. */
function clusterOf(leaders: Readonly<Record<string, readonly number[]>>): Cluster {
  const cluster = new Cluster({ logger, brokers: ['127.0.0.1:1'] });
  const topicMetadata = Object.entries(leaders).map(([topic, ofTopic]) => ({
    topic,
    partitionMetadata: ofTopic.map((leader, partitionId) => ({ partitionId, leader })),
  }));
  cluster.brokerPool.metadata = { topicMetadata };
  cluster.brokerPool.brokers = { 1: { isConnected: () => true, listOffsets: (asked: Asked) => answer(asked, '5') } };
  return cluster;
}

function memberOf(cluster: Cluster, memberAssignment: Readonly<Record<string, readonly number[]>>): OffsetManager {
  const topicConfigurations = Object.fromEntries(
    Object.keys(memberAssignment).map((topic) => [topic, { fromBeginning: true }]),
  );
  const coordinator = { isConnected: () => true, offsetFetch: (asked: Asked) => answer(asked, '-1') };
  return new OffsetManager({ cluster, coordinator, memberAssignment, topicConfigurations, groupId: 'group' });
}

test('row 40 · a member of a group that has committed nothing begins in every partition that has a leader', async () => {
  const member = memberOf(clusterOf({ a: [1, -1], b: [-1], c: [1] }), { a: [0, 1], b: [0], c: [0] });
  await member.resolveOffsets();
  expect(member.committedOffsets()).toEqual({ a: { 0: '5', 1: undefined }, b: { 0: undefined }, c: { 0: '5' } });
});

test('row 40 · it begins in the others once they have one', async () => {
  const cluster = clusterOf({ a: [1, -1], b: [-1] });
  const member = memberOf(cluster, { a: [0, 1], b: [0] });
  await member.resolveOffsets();
  cluster.brokerPool.metadata = clusterOf({ a: [1, 1], b: [1] }).brokerPool.metadata;
  await member.resolveOffsets();
  expect(member.committedOffsets()).toEqual({ a: { 0: '5', 1: '5' }, b: { 0: '5' } });
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const before = () => Promise.resolve([]);
  const changed: ClusterClass = { prototype: { fetchTopicsOffset: before, findTopicPartitionMetadata: () => [] } };
  expect(() => patchOffsetsWithoutLeader(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.prototype.fetchTopicsOffset).toBe(before);
  patchOffsetsWithoutLeader();
});
