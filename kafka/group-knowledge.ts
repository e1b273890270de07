// What a reader knows of its group and its topics at a join: the topics' incarnations, how many partitions they had, and what the
// group has committed, as far as anybody ever said.
import type { LogAdmin, Offset, TopicPartition } from './log.ts';

export interface Known {
  readonly incarnations: ReadonlyMap<string, string>;
  /** How many partitions all topics had together. */
  readonly partitions: number;
  /** By lane. */
  readonly committed: ReadonlyMap<string, Offset>;
}

export interface GroupKnowledgeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly admin: Pick<LogAdmin, 'topics' | 'committed'>;
}

export function laneOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

export class GroupKnowledge {
  readonly #options: GroupKnowledgeOptions;
  /** What the group is last known to have committed: a client that finds it below the log start resets it. */
  readonly #committed = new Map<string, Offset>();

  constructor(options: GroupKnowledgeOptions) {
    this.#options = options;
  }

  async ask(): Promise<Known> {
    const { admin, groupId, topics } = this.#options;
    const [known, ...answers] = await Promise.all([
      this.topics(),
      ...topics.map(async (topic) => ({ topic, offsets: await admin.committed(groupId, topic) })),
    ]);
    for (const { topic, offsets } of answers) {
      for (const [partition, offset] of offsets) this.#committed.set(laneOf({ topic, partition }), offset);
    }
    return { ...known, committed: new Map(this.#committed) };
  }

  async topics(): Promise<Omit<Known, 'committed'>> {
    const topics = await this.#options.admin.topics(this.#options.topics);
    const incarnations = new Map(topics.map(({ topic, incarnation }) => [topic, incarnation]));
    return { incarnations, partitions: topics.reduce((sum, { partitions }) => sum + partitions.length, 0) };
  }
}
