// Topics of a passing purpose, such as the audit's drill: made, written to (also by transactions, which this system's own
// topics never see), cut off and deleted again, with the groups that committed on them. Never touches a topic whose name it was not
// given to make.
import { randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { steadyClock } from '../service/clock.ts';
import { type ClusterConfig, clusterAccess } from './client-options.ts';
import { connectionFailure } from './connection-failures.ts';
import type { Offset, TopicPartition } from './log.ts';
import { accessOptions } from './platformatic/client.ts';

const VISIBLE_WITHIN_MS = 10_000;
const POLL_MS = 100;

export class ScratchTopics {
  readonly #access: ReturnType<typeof clusterAccess>;
  readonly #admin: Admin;
  readonly #made = new Set<string>();

  constructor(config: ClusterConfig, clientId: string) {
    this.#access = clusterAccess(config, clientId);
    this.#admin = new Admin({ ...accessOptions(this.#access), requestTimeout: 10_000, retries: 2 });
  }

  /** Names of existing topics that begin with the prefix. */
  async named(prefix: string): Promise<readonly string[]> {
    return (await this.#ask(() => this.#admin.listTopics())).filter((topic) => topic.startsWith(prefix));
  }

  /** One replica; resolves when the cluster shows it with leaders. */
  async create(topic: string, partitions: number): Promise<void> {
    const configs = [{ name: 'cleanup.policy', value: 'delete' }];
    await this.#ask(() => this.#admin.createTopics({ topics: [topic], partitions, replicas: 1, configs }));
    this.#made.add(topic);
    for (const untilMs = steadyClock.nowMs() + VISIBLE_WITHIN_MS; ; ) {
      const found = await this.#admin.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
      const leaders = found?.topics.get(topic)?.partitions.filter(({ leader }) => leader >= 0).length ?? 0;
      if (leaders === partitions) return;
      if (steadyClock.nowMs() > untilMs) throw connectionFailure(new Error(`${topic} has no leaders`), this.#access);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Appends the values in one transaction of a producer of its own, which then commits or aborts. */
  async appendTransaction(to: TopicPartition, values: readonly Buffer[], end: 'commit' | 'abort'): Promise<void> {
    // Under one id a transaction would fence the one before, whose end the broker may still be writing.
    const transactionalId = `${to.topic}-${to.partition}-${randomUUID()}`;
    const producer = new Producer({ ...accessOptions(this.#access), idempotent: true, transactionalId });
    try {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: values.map((value) => ({ ...to, value })) });
      await transaction[end]();
    } finally {
      await producer.close();
    }
  }

  /** Moves the log start offset. */
  async deleteRecordsBefore({ topic, partition }: TopicPartition, offset: Offset): Promise<void> {
    await this.#ask(() =>
      this.#admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset }] }] }),
    );
  }

  async delete(topics: readonly string[]): Promise<void> {
    if (topics.length > 0) await this.#ask(() => this.#admin.deleteTopics({ topics: [...topics] }));
    for (const topic of topics) this.#made.delete(topic);
  }

  /** Names of groups, with members or without, that begin with the prefix. */
  async groupsNamed(prefix: string): Promise<readonly string[]> {
    return [...(await this.#ask(() => this.#admin.listGroups())).keys()].filter((group) => group.startsWith(prefix));
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    if (groups.length > 0) await this.#ask(() => this.#admin.deleteGroups({ groups: [...groups] }));
  }

  /** Deletes what was made, then closes. */
  async stop(): Promise<void> {
    try {
      await this.delete([...this.#made]);
    } finally {
      await this.#admin.close();
    }
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw connectionFailure(error, this.#access);
    }
  }
}
