// Something for each topic-partition, found without making a text of its name: for what is looked up with every record.
import type { TopicPartition } from './log.ts';

export class ByPartition<T> {
  readonly #topics = new Map<string, Map<number, T>>();

  get({ topic, partition }: TopicPartition): T | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  set({ topic, partition }: TopicPartition, value: T): void {
    const partitions = this.#topics.get(topic) ?? new Map<number, T>();
    this.#topics.set(topic, partitions);
    partitions.set(partition, value);
  }

  values(): readonly T[] {
    return [...this.#topics.values()].flatMap((partitions) => [...partitions.values()]);
  }
}
