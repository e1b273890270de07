// What a group may have of a batch that kafkajs fetched. The library's own filter of aborted transactions takes the broker's list of
// them for sorted and remembers one per producer: where transactions overlap it lets aborted data through, and can take committed
// data away. So it fetches all there is, and a batch with transactional data in it, which only a stranger writes, is read again as
// it is stored, up to the last stable offset.
import type { Batch, KafkaMessage } from 'kafkajs';
import type { LogAdmin, LogRecord, Offset, RangeEntry, RangeReader, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { rangeOfEntries } from '../platformatic/stored-batches.ts';
import type { Fetched } from '../reading.ts';

/** What the library keeps of the batch that a message was stored in; its types do not mention it. */
interface Stored {
  readonly batchContext?: { readonly inTransaction?: boolean };
}

export function isInTransaction(message: KafkaMessage): boolean {
  return (message as Stored).batchContext?.inTransaction === true;
}

export function hasTransactions({ messages }: Pick<Batch, 'messages'>): boolean {
  return messages.some(isInTransaction);
}

/** Of a batch without transactions. */
export function fetchedOf(batch: Batch): Fetched {
  const { topic, partition, messages, highWatermark } = batch;
  return {
    topic,
    partition,
    first: firstOf(batch),
    records: messages.map((message) => toRecord(topic, partition, message)),
    // Includes what the broker sent behind the last record: control records.
    next: parseOffset(batch.lastOffset()) + 1n,
    highWatermark: parseOffset(highWatermark),
  };
}

/** Of a batch with transactions: undefined as long as nothing of it is decided. */
export async function committedOf(
  batch: Batch,
  { ranges, admin }: { readonly ranges: RangeReader; readonly admin: Pick<LogAdmin, 'ends'> },
  signal: AbortSignal,
): Promise<Fetched | undefined> {
  const of: TopicPartition = { topic: batch.topic, partition: batch.partition };
  const lower = firstOf(batch);
  const end = parseOffset(batch.lastOffset()) + 1n;
  const stable = (await admin.ends(of.topic, [of.partition])).get(of.partition)?.lastStable ?? lower;
  const upper = end < stable ? end : stable;
  if (upper <= lower) return undefined;
  const entries: RangeEntry[] = [];
  // One by one: a batch may have more of them than a call takes arguments.
  for await (const some of ranges.read(of, lower, upper, signal)) for (const one of some) entries.push(one);
  return { ...rangeOfEntries(of, entries, lower), highWatermark: parseOffset(batch.highWatermark) };
}

function firstOf(batch: Batch): Offset {
  return parseOffset(batch.firstOffset() ?? batch.lastOffset());
}

export function toRecord(topic: string, partition: number, message: KafkaMessage): LogRecord {
  const headers: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const one = Array.isArray(value) ? value[value.length - 1] : value;
    if (one !== undefined) headers[name] = Buffer.isBuffer(one) ? one : Buffer.from(one);
  }
  return {
    topic,
    partition,
    offset: parseOffset(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers,
  };
}

/** As kafkajs wants partitions to be named. */
export function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
}
