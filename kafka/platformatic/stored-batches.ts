// Batches as a broker stores them, told apart record by record: records, control records, and data of aborted transactions. Pure.
import type { LogRecord, Offset, RangeEntry, TopicPartition } from '../log.ts';
import type { FetchedRange } from './assigned-lanes.ts';
import type { StoredBatch } from './decode-batches.ts';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: Offset;
}

/** Tells batches apart that come in the order of the log: aborted is what a producer wrote from an aborted transaction's first offset to its marker. */
export class BatchKinds {
  readonly #pending: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  }

  of(batch: StoredBatch): RangeEntry['kind'] {
    const { producerId, isControl, isTransactional } = batch;
    if (isControl) {
      if (batch.isAbortMarker) this.#aborting.delete(producerId);
      return 'control';
    }
    if (!isTransactional) return 'record';
    while (this.#pending[0] !== undefined && this.#pending[0].firstOffset < batch.end) {
      this.#aborting.add((this.#pending.shift() as AbortedTransaction).producerId);
    }
    return this.#aborting.has(producerId) ? 'aborted' : 'record';
  }
}

export function entriesOf(from: TopicPartition, batch: StoredBatch, kinds: BatchKinds): readonly RangeEntry[] {
  const kind = kinds.of(batch);
  const { leaderEpoch } = batch;
  return batch
    .records(from)
    .map((record) => (kind === 'record' ? { kind, leaderEpoch, record } : { kind, offset: record.offset }));
}

type Range = Omit<FetchedRange, 'highWatermark'>;

/** What a fetch from an offset on returned. */
export function rangeOfBatches(
  from: TopicPartition,
  batches: readonly StoredBatch[],
  aborted: readonly AbortedTransaction[],
  position: Offset,
): Range {
  const kinds = new BatchKinds(aborted);
  const passed: { readonly lower: Offset; readonly upper: Offset }[] = [];
  const records = batches.flatMap((batch) => {
    const { baseOffset, end } = batch;
    if (kinds.of(batch) !== 'record') {
      passed.push({ lower: baseOffset, upper: end });
      return [];
    }
    const stored = batch.records(from);
    // A batch is sent whole, also when the offset asked for lies within it.
    return baseOffset >= position ? stored : stored.filter(({ offset }) => offset >= position);
  });
  return range(from, records, passed, position, batches.at(-1)?.end ?? position);
}

/** The same of entries. */
export function rangeOfEntries(from: TopicPartition, entries: readonly RangeEntry[], position: Offset): Range {
  const records = entries.flatMap((entry) => (entry.kind === 'record' ? [entry.record] : []));
  const passed = entries.flatMap((entry) =>
    entry.kind === 'record' ? [] : [{ lower: entry.offset, upper: entry.offset + 1n }],
  );
  const ends = [...records.map(({ offset }) => offset + 1n), ...passed.map(({ upper }) => upper)];
  return range(from, records, passed, position, largest(ends, position));
}

function range(
  { topic, partition }: TopicPartition,
  records: readonly LogRecord[],
  passed: readonly { readonly lower: Offset; readonly upper: Offset }[],
  position: Offset,
  next: Offset,
): Range {
  const begin = records[0]?.offset ?? next;
  let [first, covered] = [position, position];
  for (const { lower, upper } of passed) {
    if (lower >= begin) break;
    if (lower > covered) first = lower;
    covered = upper;
  }
  return { topic, partition, records, next, first: begin > covered ? begin : first };
}

function largest(offsets: readonly Offset[], start: Offset): Offset {
  return offsets.reduce((a, b) => (a > b ? a : b), start);
}
