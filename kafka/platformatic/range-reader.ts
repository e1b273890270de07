// Reads bounded offset ranges without a consumer group, batch by batch as the broker stores them, so that control records
// and aborted transactions are seen and not filtered away. kafkajs has no way to read a partition it was not assigned.
import { Consumer, FetchIsolationLevels, type FetchIsolationLevelValue, type RecordsBatch } from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';
import type { ClusterAccess } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import type { Offset, RangeEntry, RangeReader, TopicPartition } from '../log.ts';
import { offsetOf } from '../offsets.ts';
import { accessOptions } from './client.ts';
import { AbortedFilter, type AbortedTransaction, endOf, entriesOf } from './stored-batches.ts';

/** Small on purpose: what was taken apart is dead before a collection has to move it. With 4 MiB a record cost three times as much. */
const FETCH_BYTES_MAX = 262_144;
const FETCH_WAIT_MS = 500;
const NO_EPOCH = -1;

interface Fetched {
  readonly batches: readonly RecordsBatch[];
  readonly aborted: readonly AbortedTransaction[];
}

class PlatformaticRangeReader implements RangeReader {
  readonly #access: ClusterAccess;
  readonly #consumer: Consumer;

  constructor(access: ClusterAccess) {
    this.#access = access;
    // The group id is demanded by the client but never joined nor committed to: fetch() bypasses the group.
    this.#consumer = new Consumer({
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
      const { batches, aborted } = await this.#fetchStored(from, position);
      const entries: RangeEntry[] = [];
      const open = new AbortedFilter(aborted);
      let next = position;
      for (const batch of batches) {
        const end = endOf(batch);
        for (const entry of entriesOf(from, batch, open)) {
          const offset = offsetOf(entry);
          if (offset >= position && offset < upper) entries.push(entry);
        }
        if (end > next) next = end;
      }
      if (next === position) {
        const message = `${from.topic}-${from.partition} gives nothing at offset ${position} below ${upper}`;
        throw new PmcError('PMC_RANGE_UNREADABLE', message, {
          ...from,
          position: String(position),
          upper: String(upper),
        });
      }
      position = next;
      yield entries;
    }
  }

  async stop(): Promise<void> {
    await this.#consumer.close(true);
  }

  /**
   * Batches as they are stored, and the aborted transactions among them. Read committed tells the second, but the client
   * then takes the aborted batches away, which would look like holes: where there are any, the same range is read as it is.
   */
  async #fetchStored(from: TopicPartition, position: Offset): Promise<Fetched> {
    const committed = await this.#fetch(from, position, FetchIsolationLevels.READ_COMMITTED);
    const last = committed.batches.at(-1);
    if (committed.aborted.length === 0 || last === undefined) return committed;
    const stored = await this.#fetch(from, position, FetchIsolationLevels.READ_UNCOMMITTED);
    // The last batch is never one that was taken away: an abort marker follows each of those.
    const batches = stored.batches.filter(({ firstOffset }) => firstOffset <= last.firstOffset);
    return { batches, aborted: committed.aborted };
  }

  async #fetch(
    from: TopicPartition,
    fetchOffset: Offset,
    isolationLevel: FetchIsolationLevelValue,
    isRepeated = false,
  ): Promise<Fetched> {
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
      fetchOffset,
      lastFetchedEpoch: NO_EPOCH,
      partitionMaxBytes: FETCH_BYTES_MAX,
    };
    try {
      const response = await this.#consumer.fetch({
        node: leader.leader,
        topics: [{ topicId: description.id, partitions: [request] }],
        minBytes: 1,
        maxBytes: FETCH_BYTES_MAX,
        maxWaitTime: FETCH_WAIT_MS,
        isolationLevel,
      });
      const answer = response.responses[0]?.partitions[0];
      return { batches: answer?.records ?? [], aborted: answer?.abortedTransactions ?? [] };
    } catch (cause) {
      await this.#consumer.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
      // The leader may have moved, or the topic may have been made again, since it was asked last.
      if (!isRepeated) return await this.#fetch(from, fetchOffset, isolationLevel, true);
      const message = `cannot read ${topic}-${partition} at offset ${fetchOffset}`;
      throw new PmcError('PMC_RANGE_UNREADABLE', message, { topic, partition, offset: String(fetchOffset) }, { cause });
    }
  }
}

export function platformaticRangeReader(access: ClusterAccess): RangeReader {
  return new PlatformaticRangeReader(access);
}
