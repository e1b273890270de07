// The name under which positions, ends and orders of a partition are kept. Asked for at every record, and nearly always for the
// partition of the record before. Pure.
import type { TopicPartition } from '../../kafka/log.ts';

let last = { topic: '', partition: -1, name: '' };

export function nameOf({ topic, partition }: TopicPartition): string {
  if (topic !== last.topic || partition !== last.partition) last = { topic, partition, name: `${topic}-${partition}` };
  return last.name;
}
