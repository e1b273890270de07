// Batches as a broker stores them, told apart record by record: records, control records, and data of aborted transactions. The
// client's own filter remembers one aborted transaction per producer, so it lets data of the others through. Pure.
import type { RecordsBatch } from '@platformatic/kafka';
import type { LogRecord, Offset, RangeEntry, TopicPartition } from '../log.ts';
import type { FetchedRange } from './assigned-lanes.ts';

const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** An abort marker is a control record whose key is (version 0, type 0). */
const ABORT_MARKER_TYPE = 0;

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: Offset;
}

export function endOf(batch: RecordsBatch): Offset {
  return batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
}

/** Which transactional batches were aborted: a producer's records from an aborted transaction's first offset to its marker. */
export class AbortedFilter {
  readonly #pending: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  }

  isAborted(batch: RecordsBatch): boolean {
    const last = endOf(batch) - 1n;
    while (this.#pending[0] !== undefined && this.#pending[0].firstOffset <= last) {
      this.#aborting.add((this.#pending.shift() as AbortedTransaction).producerId);
    }
    return this.#aborting.has(batch.producerId);
  }

  endedBy(producerId: bigint): void {
    this.#aborting.delete(producerId);
  }
}

export function* entriesOf(from: TopicPartition, batch: RecordsBatch, filter: AbortedFilter): Generator<RangeEntry> {
  const isOfControl = isControl(batch);
  const isAborted = !isOfControl && (batch.attributes & TRANSACTIONAL) !== 0 && filter.isAborted(batch);
  for (const record of batch.records) {
    const offset = batch.firstOffset + BigInt(record.offsetDelta);
    if (isOfControl) {
      if (record.key !== null && record.key.length >= 4 && record.key.readInt16BE(2) === ABORT_MARKER_TYPE) {
        filter.endedBy(batch.producerId);
      }
      yield { kind: 'control', offset };
    } else if (isAborted) yield { kind: 'aborted', offset };
    else yield { kind: 'record', leaderEpoch: batch.partitionLeaderEpoch, record: toRecord(from, batch, record) };
  }
}

type Range = Omit<FetchedRange, 'highWatermark'>;

/** What a fetch from an offset on returned, when no transaction in it was aborted. */
export function rangeOfBatches(from: TopicPartition, batches: readonly RecordsBatch[], position: Offset): Range {
  const [control, data] = [batches.filter(isControl), batches.filter((batch) => !isControl(batch))];
  const records = data.flatMap((batch) => batch.records.map((record) => toRecord(from, batch, record)));
  const passed = control.map((batch) => ({ lower: batch.firstOffset, upper: endOf(batch) }));
  const last = batches.at(-1);
  // A batch is sent whole, also when the offset asked for lies within it.
  const wanted = records.filter(({ offset }) => offset >= position);
  return range(from, wanted, passed, position, last === undefined ? position : endOf(last));
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

function isControl({ attributes }: RecordsBatch): boolean {
  return (attributes & CONTROL) !== 0;
}

function toRecord(
  { topic, partition }: TopicPartition,
  batch: RecordsBatch,
  { key, value, headers, timestampDelta, offsetDelta }: RecordsBatch['records'][number],
): LogRecord {
  const named: Record<string, Buffer> = {};
  for (const [name, content] of headers) if (name !== null && content !== null) named[name.toString('utf8')] = content;
  const offset = batch.firstOffset + BigInt(offsetDelta);
  const timestampMs = Number(batch.firstTimestamp + timestampDelta);
  return { topic, partition, offset, timestampMs, key, value, headers: named };
}
