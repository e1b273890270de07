// What a reader knows of its group and its topics at a join: the topics' incarnations, how many partitions they had, and what the
// group has committed, as far as anybody ever said. A topic that is another than the one this reader first heard of is told at
// once: deleted and created again it keeps its name and restarts its offsets, which a client crosses without any event, and a join
// in between would take the new one for granted.
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
  onRecreated(topic: string, first: string, now: string): void;
}

export function laneOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

export class GroupKnowledge {
  readonly #options: GroupKnowledgeOptions;
  /** What the group is last known to have committed: a client that finds it below the log start resets it. */
  readonly #committed = new Map<string, Offset>();
  /** Each topic's incarnation as it was first told. */
  readonly #first = new Map<string, string>();

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
    for (const [topic, now] of incarnations) {
      const first = this.#first.get(topic) ?? now;
      this.#first.set(topic, first);
      if (first !== now) this.#options.onRecreated(topic, first, now);
    }
    return { incarnations, partitions: topics.reduce((sum, { partitions }) => sum + partitions.length, 0) };
  }
}
