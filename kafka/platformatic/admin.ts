// What operators and the audit ask of the cluster, on @platformatic/kafka's admin client: kafkajs can read neither topic
// ids nor leader epochs nor the high watermark (its "high" is the last stable offset).
import {
  type ClusterMetadata,
  FetchIsolationLevels,
  type FetchIsolationLevelValue,
  ListOffsetTimestamps,
} from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';
import type { ClusterAccess } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import type {
  ClusterDescription,
  GroupDescription,
  LogAdmin,
  Offset,
  PartitionEnds,
  TopicDescription,
} from '../log.ts';
import { accessOptions } from './client.ts';
import { ClusterAdmin } from './cluster-admin.ts';

/** The broker's word for no commit, and for no record that young. */
const NONE = -1n;

const WITHOUT_MEMBERS: ReadonlySet<string> = new Set(['Empty', 'Dead']);

class PlatformaticAdmin implements LogAdmin {
  readonly #admin: ClusterAdmin;
  readonly #access: ClusterAccess;

  constructor(access: ClusterAccess) {
    this.#access = access;
    this.#admin = new ClusterAdmin({
      ...accessOptions(access),
      requestTimeout: 10_000,
      retries: 2,
    });
  }

  async cluster(): Promise<ClusterDescription> {
    const metadata = await this.#ask(() => this.#admin.metadata({ topics: [], forceUpdate: true }));
    const brokers = [...metadata.brokers].map(([nodeId, { host, port }]) => ({ nodeId, host, port }));
    return { clusterId: metadata.id, brokers };
  }

  async topics(names: readonly string[]): Promise<readonly TopicDescription[]> {
    const metadata = await this.#metadata(names);
    return names.map((topic) => {
      const found = metadata.topics.get(topic);
      if (found === undefined) throw missing(topic);
      const partitions = found.partitions.map(({ leader, leaderEpoch, replicas, isr }, partition) => ({
        partition,
        leader,
        leaderEpoch,
        replicas: replicas.length,
        inSync: isr.length,
      }));
      return { topic, incarnation: found.id, partitions };
    });
  }

  async topicSettings(topic: string): Promise<Readonly<Record<string, string>>> {
    return await this.#ask(() => this.#admin.settingsOf(topic));
  }

  async ends(topic: string, only?: readonly number[]): Promise<ReadonlyMap<number, PartitionEnds>> {
    const numbers = await this.#led(topic, only);
    const { READ_COMMITTED, READ_UNCOMMITTED } = FetchIsolationLevels;
    const [starts, stable, high] = await Promise.all([
      this.#offsets(topic, numbers, ListOffsetTimestamps.EARLIEST, READ_UNCOMMITTED),
      this.#offsets(topic, numbers, ListOffsetTimestamps.LATEST, READ_COMMITTED),
      this.#offsets(topic, numbers, ListOffsetTimestamps.LATEST, READ_UNCOMMITTED),
    ]);
    return new Map(
      numbers.map((partition) => {
        const [logStart, lastStable, highWatermark] = [starts, stable, high].map((offsets) => offsets.get(partition));
        if (logStart === undefined || lastStable === undefined || highWatermark === undefined) {
          throw new PmcError('PMC_KAFKA_UNREACHABLE', `no offsets for ${topic}-${partition}`, { topic, partition });
        }
        return [partition, { logStart, lastStable, highWatermark }];
      }),
    );
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, Offset>> {
    const [group] = await this.#ask(() => this.#admin.listConsumerGroupOffsets({ groups: [groupId] }));
    const partitions = group?.topics.find(({ name }) => name === topic)?.partitions ?? [];
    return new Map(
      partitions
        // kafkajs commits -2 (the earliest there is) when retention overtook a group: that is no position either.
        .filter(({ committedOffset }) => committedOffset > NONE)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
    );
  }

  async group(groupId: string): Promise<GroupDescription> {
    const groups = await this.#ask(() => this.#admin.describeGroups({ groups: [groupId] }));
    const group = groups.get(groupId);
    const members = [...(group?.members.values() ?? [])].map(({ id, clientId, clientHost, assignments }) => ({
      memberId: id,
      clientId,
      host: clientHost,
      assigned: [...(assignments?.values() ?? [])].flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    }));
    return { state: group?.state ?? 'Dead', members };
  }

  async setCommitted(
    groupId: string,
    topic: string,
    offsets: ReadonlyMap<number, Offset>,
  ): Promise<ReadonlyMap<number, Offset>> {
    await this.#refuseActive(groupId);
    refuseOutside(topic, offsets, await this.ends(topic));
    const partitionOffsets = [...offsets].map(([partition, offset]) => ({ partition, offset }));
    await this.#ask(() =>
      this.#admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] }),
    );
    const committed = await this.committed(groupId, topic);
    const differ = [...offsets].filter(([partition, offset]) => committed.get(partition) !== offset);
    // A member that joined in between commits where it is, and would win.
    await this.#refuseActive(groupId);
    if (differ.length > 0) {
      const listed = differ.map(([partition, offset]) => `${partition}: ${offset}, reads ${committed.get(partition)}`);
      const message = `offsets of group ${groupId} on ${topic} were not all set (partition: wanted, found): ${listed.join('; ')}`;
      throw new PmcError('PMC_OFFSETS_NOT_SET', message, { groupId, topic });
    }
    return committed;
  }

  async offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, Offset | undefined>> {
    const numbers = await this.#led(topic);
    const found = await this.#offsets(topic, numbers, BigInt(timestampMs), FetchIsolationLevels.READ_UNCOMMITTED);
    return new Map(
      numbers.map((partition) => {
        const offset = found.get(partition);
        return [partition, offset === undefined || offset === NONE ? undefined : offset];
      }),
    );
  }

  async stop(): Promise<void> {
    await this.#admin.close();
  }

  async #refuseActive(groupId: string): Promise<void> {
    const { state, members } = await this.group(groupId);
    if (members.length === 0 && WITHOUT_MEMBERS.has(state)) return;
    const message = `group ${groupId} is ${state} with ${members.length} members; its offsets can be set when it has none`;
    throw new PmcError('PMC_GROUP_ACTIVE', message, { groupId, state, members: members.length });
  }

  async #metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    try {
      return await this.#admin.metadata({ topics: [...topics], forceUpdate: true });
    } catch (error) {
      const known = new Set(await this.#ask(() => this.#admin.listTopics()));
      const absent = topics.find((topic) => !known.has(topic));
      throw absent === undefined ? this.#unreachable(error) : missing(absent);
    }
  }

  /** Numbers of the topic's partitions, each of which has a leader to ask. */
  async #led(topic: string, only?: readonly number[]): Promise<readonly number[]> {
    const [{ partitions }] = (await this.topics([topic])) as [TopicDescription];
    const asked = partitions.filter(({ partition }) => only?.includes(partition) ?? true);
    const without = asked.filter(({ leader }) => leader < 0).map(({ partition }) => partition);
    if (without.length === 0) return asked.map(({ partition }) => partition);
    const message = `no leader for ${without.map((partition) => `${topic}-${partition}`).join(', ')}`;
    throw new PmcError('PMC_KAFKA_UNREACHABLE', message, { topic, partitions: without });
  }

  async #offsets(
    topic: string,
    partitions: readonly number[],
    timestamp: bigint,
    isolationLevel: FetchIsolationLevelValue,
  ): Promise<ReadonlyMap<number, Offset>> {
    const topics = [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }];
    const [listed] = await this.#ask(() => this.#admin.listOffsets({ topics, isolationLevel }));
    return new Map((listed?.partitions ?? []).map(({ partitionIndex, offset }) => [partitionIndex, offset]));
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): PmcError {
    return connectionFailure(error, this.#access);
  }
}

function refuseOutside(
  topic: string,
  offsets: ReadonlyMap<number, Offset>,
  ends: ReadonlyMap<number, PartitionEnds>,
): void {
  const outside = [...offsets].flatMap(([partition, offset]) => {
    const end = ends.get(partition);
    if (end !== undefined && offset >= end.logStart && offset <= end.highWatermark) return [];
    return [
      `${partition}: ${offset} of ${end === undefined ? 'no such partition' : `${end.logStart}-${end.highWatermark}`}`,
    ];
  });
  if (outside.length === 0) return;
  const message = `offsets outside the log of ${topic} (partition: offset of log): ${outside.join('; ')}; nothing was set`;
  throw new PmcError('PMC_OFFSET_OUTSIDE_LOG', message, { topic });
}

function missing(topic: string): PmcError {
  return new PmcError(
    'PMC_TOPIC_MISSING',
    `topic ${topic} does not exist; create the topics with \`pmc topics create\``,
    { topic },
  );
}

export function platformaticAdmin(access: ClusterAccess): LogAdmin {
  return new PlatformaticAdmin(access);
}
