// Reads bounded offset ranges without a consumer group, batch by batch as the broker stores them, so that control records
// and aborted transactions are seen and not filtered away. kafkajs has no way to read a partition it was not assigned.
import { FetchIsolationLevels } from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';
import type { ClusterAccess } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import type { Offset, RangeEntry, RangeReader, TopicPartition } from '../log.ts';
import { offsetOf } from '../offsets.ts';
import { BatchConsumer } from './batch-consumer.ts';
import { accessOptions } from './client.ts';
import { type Entries, entriesOf } from './stored-batches.ts';

/** Small on purpose: what was taken apart is dead before a collection has to move it. With 4 MiB a record cost three times as much. */
const FETCH_BYTES_MAX = 262_144;
const FETCH_WAIT_MS = 500;
const NO_EPOCH = -1;

class PlatformaticRangeReader implements RangeReader {
  readonly #access: ClusterAccess;
  readonly #consumer: BatchConsumer;

  constructor(access: ClusterAccess) {
    this.#access = access;
    // The group id is demanded by the client but never joined nor committed to: fetch() bypasses the group.
    this.#consumer = new BatchConsumer({
      ...accessOptions(access),
      groupId: `${access.clientId}-ungrouped`,
      requestTimeout: 15_000,
      retries: 5,
    });
  }

  async *read(
    from: TopicPartition,
    lower: Offset,
    upper: Offset,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly RangeEntry[]> {
    let position = lower;
    while (position < upper) {
      signal?.throwIfAborted();
      const { entries, next } = await this.#fetch(from, position);
      if (next === position) {
        const message = `${from.topic}-${from.partition} gives nothing at offset ${position} below ${upper}`;
        throw new PmcError('PMC_RANGE_UNREADABLE', message, {
          ...from,
          position: String(position),
          upper: String(upper),
        });
      }
      const isWhole = next <= upper;
      position = next;
      yield isWhole ? entries : entries.filter((entry) => offsetOf(entry) < upper);
    }
  }

  async stop(): Promise<void> {
    await this.#consumer.close(true);
  }

  /** What is stored from this offset on, as much as one answer holds, and where it ends. */
  async #fetch(from: TopicPartition, position: Offset, isRepeated = false): Promise<Entries> {
    const { topic, partition } = from;
    const metadata = await this.#consumer.metadata({ topics: [topic] }).catch((error: unknown) => {
      throw connectionFailure(error, this.#access);
    });
    const description = metadata.topics.get(topic);
    const leader = description?.partitions[partition];
    if (description === undefined || leader === undefined) {
      throw new PmcError('PMC_TOPIC_MISSING', `partition ${topic}-${partition} does not exist`, { topic, partition });
    }
    const request = {
      partition,
      currentLeaderEpoch: leader.leaderEpoch,
      fetchOffset: position,
      lastFetchedEpoch: NO_EPOCH,
      partitionMaxBytes: FETCH_BYTES_MAX,
    };
    try {
      const answer = await this.#consumer.fetchStored({
        node: leader.leader,
        topics: [{ topicId: description.id, partitions: [request] }],
        minBytes: 1,
        maxBytes: FETCH_BYTES_MAX,
        maxWaitTime: FETCH_WAIT_MS,
        // Up to the last stable offset, with the aborted transactions among it by name.
        isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      });
      const answered = answer.responses[0]?.partitions[0];
      return answered === undefined ? { entries: [], next: position } : entriesOf(from, answered, position);
    } catch (cause) {
      await this.#consumer.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
      // The leader may have moved, or the topic may have been made again, since it was asked last.
      if (!isRepeated) return await this.#fetch(from, position, true);
      const message = `cannot read ${topic}-${partition} at offset ${position}`;
      throw new PmcError('PMC_RANGE_UNREADABLE', message, { topic, partition, offset: String(position) }, { cause });
    }
  }
}

export function platformaticRangeReader(access: ClusterAccess): RangeReader {
  return new PlatformaticRangeReader(access);
}
