// What a broker stores, told apart record by record: records, control records, and data of aborted transactions.
import type { LogRecord, Offset, RangeEntry, TopicPartition } from '../log.ts';
import type { FetchedRange } from './assigned-lanes.ts';
import { decodeBatches, type StoredBatch } from './decode-batches.ts';
import { UNPACKED_BYTES_MAX } from './unpack.ts';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: Offset;
}

/** Tells batches apart that come in the order of the log: aborted is what a producer wrote from an aborted transaction's first offset to its marker. */
class BatchKinds {
  readonly #pending: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  }

  of(batch: StoredBatch): RangeEntry['kind'] {
    const { producerId, isControl, isTransactional } = batch;
    // At markers too: of a transaction whose data lies before what was fetched, only its marker comes.
    while (this.#pending[0] !== undefined && this.#pending[0].firstOffset < batch.end) {
      this.#aborting.add((this.#pending.shift() as AbortedTransaction).producerId);
    }
    if (isControl) {
      if (batch.isAbortMarker) this.#aborting.delete(producerId);
      return 'control';
    }
    return isTransactional && this.#aborting.has(producerId) ? 'aborted' : 'record';
  }
}

/** What one answer brought of a partition. */
export interface Answered {
  readonly stored: Buffer;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

export interface Entries {
  readonly entries: readonly RangeEntry[];
  /** One past the last offset that is answered for. */
  readonly next: Offset;
}

/** All of it as entries. Throws as `walk` does. */
export function entriesOf(from: TopicPartition, answered: Answered, position: Offset): Entries {
  const entries: RangeEntry[] = [];
  const next = walk(answered, position, (batch, kind) => {
    const { leaderEpoch } = batch;
    for (const record of wanted(batch, from, position)) {
      entries.push(kind === 'record' ? { kind, leaderEpoch, record } : { kind, offset: record.offset });
    }
  });
  return { entries, next };
}

type Range = Omit<FetchedRange, 'highWatermark'>;

/** Its records. Throws as `walk` does. */
export function rangeOf(from: TopicPartition, answered: Answered, position: Offset): Range {
  const passed: { readonly lower: Offset; readonly upper: Offset }[] = [];
  const records: LogRecord[] = [];
  const next = walk(answered, position, (batch, kind) => {
    if (kind === 'record') for (const record of wanted(batch, from, position)) records.push(record);
    else passed.push({ lower: batch.baseOffset, upper: batch.end });
  });
  return range(from, records, passed, position, next);
}

/**
 * Visits the batches up to the first one that cannot be read, so that what comes before it is not held up; the next fetch begins with
 * it. Up to where as much was unpacked as one batch may be, too: an answer holds hundreds of small batches, each of which may be large.
 * Throws why one cannot be read where it is the first, and RangeError where batches do not reach behind the position.
 */
function walk(
  { stored, abortedTransactions }: Answered,
  position: Offset,
  visit: (batch: StoredBatch, kind: RangeEntry['kind']) => void,
): Offset {
  const kinds = new BatchKinds(abortedTransactions ?? []);
  let next = position;
  let unpackedBytes = 0;
  try {
    for (const batch of decodeBatches(stored)) {
      visit(batch, kinds.of(batch));
      next = batch.end;
      unpackedBytes += batch.unpackedBytes;
      if (unpackedBytes >= UNPACKED_BYTES_MAX && next > position) break;
    }
  } catch (error) {
    if (next <= position) throw error;
  }
  if (stored.length > 0 && next <= position) throw new RangeError(`${stored.length} bytes without offset ${position}`);
  return next;
}

/** A batch is sent whole, also when the offset asked for lies within it. */
function wanted(batch: StoredBatch, from: TopicPartition, position: Offset): readonly LogRecord[] {
  const records = batch.records(from);
  return batch.baseOffset >= position ? records : records.filter(({ offset }) => offset >= position);
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
