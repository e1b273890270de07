// What operators and the audit ask of the cluster, on @platformatic/kafka's admin client: kafkajs can read neither topic
// ids nor leader epochs nor the high watermark (its "high" is the last stable offset).
import {
  Admin,
  type ClusterMetadata,
  ConfigResourceTypes,
  FetchIsolationLevels,
  type FetchIsolationLevelValue,
  ListOffsetTimestamps,
} from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';
import type {
  ClusterDescription,
  GroupDescription,
  LogAdmin,
  Offset,
  PartitionEnds,
  TopicDescription,
} from '../log.ts';

export interface AdminSettings {
  readonly brokers: readonly string[];
  readonly clientId: string;
}

const NO_COMMIT = -1n;

class PlatformaticAdmin implements LogAdmin {
  readonly #admin: Admin;
  readonly #brokers: readonly string[];

  constructor({ brokers, clientId }: AdminSettings) {
    this.#brokers = brokers;
    this.#admin = new Admin({
      clientId,
      bootstrapBrokers: [...brokers],
      connectTimeout: 5_000,
      requestTimeout: 10_000,
      retries: 2,
      retryDelay: 250,
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
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }];
    const [description] = await this.#ask(() => this.#admin.describeConfigs({ resources }));
    return Object.fromEntries((description?.configs ?? []).map(({ name, value }) => [name, value ?? '']));
  }

  async ends(topic: string): Promise<ReadonlyMap<number, PartitionEnds>> {
    const [{ partitions }] = (await this.topics([topic])) as [TopicDescription];
    const numbers = partitions.map(({ partition }) => partition);
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
        .filter(({ committedOffset }) => committedOffset !== NO_COMMIT)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
    );
  }

  async group(groupId: string): Promise<GroupDescription> {
    const groups = await this.#ask(() => this.#admin.describeGroups({ groups: [groupId] }));
    const group = groups.get(groupId);
    const members = [...(group?.members.values() ?? [])].map(({ id, clientId, clientHost }) => ({
      memberId: id,
      clientId,
      host: clientHost,
    }));
    return { state: group?.state ?? 'DEAD', members };
  }

  async stop(): Promise<void> {
    await this.#admin.close();
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

  #unreachable(cause: unknown): PmcError {
    const where = this.#brokers.join(', ');
    const message = `no answer from Kafka at ${where}; PMC_KAFKA_BROKERS names it`;
    return new PmcError('PMC_KAFKA_UNREACHABLE', message, { brokers: this.#brokers }, { cause });
  }
}

function missing(topic: string): PmcError {
  return new PmcError(
    'PMC_TOPIC_MISSING',
    `topic ${topic} does not exist; create the topics with \`pmc topics create\``,
    { topic },
  );
}

export function platformaticAdmin(settings: AdminSettings): LogAdmin {
  return new PlatformaticAdmin(settings);
}
