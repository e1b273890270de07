// Collects records per partition into batches and sees each of them settled. Self-clocking: while one batch of a partition
// is unsettled the next one grows, so a slow broker gets larger batches, not more of them. An unknown outcome is appended
// again, in order, until the broker answers; a refused batch is split until the one bad record stands alone.
//
// Bounded: above `bytesMax` buffered bytes `full` turns true, and the caller stops reading its sources until `drained()`.
import { backoffMs, pause } from '../service/backoff.ts';
import { type Clock, systemClock } from '../service/clock.ts';
import { describeError, type PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import { ByPartition } from './by-partition.ts';
import type { Appender, AppendOutcome, AppendRecord, Offset, TopicPartition } from './log.ts';
import { Moment } from './moment.ts';
import { invalidRecord, oversizeRecord } from './record-check.ts';

export type RecordOutcome =
  | { readonly outcome: 'acked'; readonly offset: Offset }
  | Extract<AppendOutcome, { outcome: 'rejected' }>;

export interface AccumulatorOptions {
  readonly appender: Pick<Appender, 'append'>;
  readonly logger: Logger;
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  readonly bytesMax: number;
  /** A record above this is refused at once: its neighbours do not wait until a broker refuses their batch. */
  readonly recordBytesMax: number;
  /**
   * What is no full batch, behind one that took less than this, goes out at the next multiple of it, at once when not given: a request costs
   * both sides more than a record, and what goes out at one moment can share one. A record that comes alone waits for nothing.
   */
  readonly paceMs?: number;
  /** For the records that a broker does not take for their time; the system's when not given. */
  readonly clock?: Clock;
  onAppend?(to: TopicPartition, outcome: 'acked' | 'rejected' | 'unknown', records: number, durationMs: number): void;
}

/** Of a batch, or of a record that came into none: a record's own offset is the base offset and its index. An object for each would be garbage at once. */
export type BatchOutcome = Exclude<AppendOutcome, { outcome: 'unknown' }>;

type Settle = (outcome: BatchOutcome, index: number) => void;

/** Records and, in step with them, who waits for each: an object for each of the pairs would be one more to carry and to look for. */
interface Batch {
  readonly records: AppendRecord[];
  readonly settles: Settle[];
  bytes: number;
}

interface Lane {
  readonly to: TopicPartition;
  readonly waiting: Batch;
  busy: boolean;
  /** What went out last had no answer. That may last, while others go on: what waits here keeps the memory of no neighbour. */
  isStuck: boolean;
}

/** What a record takes in memory beside its key and value. */
const RECORD_OVERHEAD_BYTES = 128;

const RETRY_BACKOFF = { initialMs: 100, maxMs: 5_000 };

export class Accumulator {
  readonly #options: AccumulatorOptions;
  readonly #lanes = new ByPartition<Lane>();
  readonly #onDrained: (() => void)[] = [];
  /** Of the event loop, so that frames of the same tick share a batch, and their partitions a request. */
  readonly #turn = new Moment(() => new Promise((resolve) => setImmediate(resolve)));
  readonly #beat: Moment | undefined;
  #bytes = 0;
  #records = 0;

  constructor(options: AccumulatorOptions) {
    this.#options = options;
    const { paceMs } = options;
    if (paceMs !== undefined) this.#beat = new Moment(() => pause(paceMs - (performance.now() % paceMs)));
  }

  get bufferedRecords(): number {
    return this.#records;
  }

  get bufferedBytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes >= this.#options.bytesMax;
  }

  /** Takes a record at once and in order; the promise settles when the broker has answered for it. */
  append(to: TopicPartition, record: AppendRecord): Promise<RecordOutcome> {
    return new Promise((settle) => {
      this.put(to, record, (answer, index) =>
        settle(answer.outcome === 'acked' ? { outcome: 'acked', offset: answer.baseOffset + BigInt(index) } : answer),
      );
    });
  }

  /** The same without a promise for each record; a record that is none is settled before this returns. */
  put(to: TopicPartition, record: AppendRecord, settle: Settle): void {
    const error = invalidRecord(to, record) ?? oversizeRecord(to, record, this.#options.recordBytesMax);
    if (error !== undefined) return settle({ outcome: 'rejected', error }, 0);
    const sizeBytes = sizeOf(record);
    this.#bytes += sizeBytes;
    this.#records += 1;
    const lane = this.#lanes.get(to) ?? this.#newLane(to);
    const { waiting } = lane;
    waiting.records.push(lane.isStuck ? apart(record) : record);
    waiting.settles.push(settle);
    waiting.bytes += sizeBytes;
    if (!lane.busy) void this.#run(lane);
  }

  /** Resolves when less than half of the allowed bytes are buffered. */
  async drained(): Promise<void> {
    if (this.#bytes * 2 < this.#options.bytesMax) return;
    await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  /**
   * Resolves when everything taken so far is settled, and what its settling brought along: a caller whose event was
   * refused appends it once more, to the topic of the rejected, a few turns of the microtask queue later.
   */
  async flush(): Promise<void> {
    do {
      while (this.#records > 0) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#records > 0);
  }

  #newLane(to: TopicPartition): Lane {
    const lane = { to, waiting: { records: [], settles: [], bytes: 0 }, busy: false, isStuck: false };
    this.#lanes.set(to, lane);
    return lane;
  }

  async #run(lane: Lane): Promise<void> {
    lane.busy = true;
    await this.#turn.wait();
    while (lane.waiting.records.length > 0) {
      const startedMs = performance.now();
      await this.#settle(lane, this.#take(lane.waiting));
      // What took longer than the pace has set one itself, for all that were answered with it.
      const isPaced = performance.now() - startedMs >= (this.#options.paceMs ?? 0);
      if (!isPaced && !this.#isBatch(lane.waiting)) await this.#beat?.wait();
    }
    lane.busy = false;
  }

  #isBatch({ records, bytes }: Batch): boolean {
    return records.length >= this.#options.batchRecordsMax || bytes >= this.#options.batchBytesMax;
  }

  #take(waiting: Batch): Batch {
    const { batchRecordsMax, batchBytesMax } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const record of waiting.records) {
      const sizeBytes = sizeOf(record);
      if (count === batchRecordsMax || (count > 0 && bytes + sizeBytes > batchBytesMax)) break;
      bytes += sizeBytes;
      count += 1;
    }
    waiting.bytes -= bytes;
    return { records: waiting.records.splice(0, count), settles: waiting.settles.splice(0, count), bytes };
  }

  async #settle(lane: Lane, taken: Batch): Promise<void> {
    const { to, waiting } = lane;
    let batch = taken;
    for (let attempt = 1; ; attempt += 1) {
      const { records } = batch;
      const startedMs = performance.now();
      const answer = await this.#options.appender.append(to, records);
      this.#options.onAppend?.(to, answer.outcome, records.length, performance.now() - startedMs);
      if (answer.outcome !== 'unknown') lane.isStuck = false;
      if (answer.outcome === 'acked') return this.#release(batch, answer);
      if (answer.outcome === 'rejected') return await this.#isolate(lane, batch, answer.error);
      this.#options.logger.warn(
        { ...to, attempt, records: records.length, error: describeError(answer.error) },
        'kafka.append.unknown',
      );
      if (!lane.isStuck) {
        lane.isStuck = true;
        takeApart(records);
        takeApart(waiting.records);
      }
      await pause(backoffMs(attempt, RETRY_BACKOFF));
      // The clock may have been set right meanwhile, and the time of receipt is in what it carries.
      if (answer.error.code === 'PMC_CLOCKS_DIFFER') batch = { ...batch, records: this.#ofNow(records) };
    }
  }

  /** A copy: a client may hold the others still. */
  #ofNow(records: readonly AppendRecord[]): AppendRecord[] {
    const timestampMs = (this.#options.clock ?? systemClock).nowMs();
    return records.map((record) => ({ ...record, timestampMs }));
  }

  async #isolate(lane: Lane, batch: Batch, error: PmcError): Promise<void> {
    const { records } = batch;
    if (records.length === 1) return this.#release(batch, { outcome: 'rejected', error });
    const half = Math.ceil(records.length / 2);
    await this.#settle(lane, part(batch, 0, half));
    await this.#settle(lane, part(batch, half, records.length));
  }

  #release({ records, settles, bytes }: Batch, outcome: BatchOutcome): void {
    this.#records -= records.length;
    this.#bytes -= bytes;
    settles.forEach((settle, index) => settle(outcome, index));
    if (this.#onDrained.length > 0 && (this.#records === 0 || this.#bytes * 2 < this.#options.bytesMax)) {
      for (const resolve of this.#onDrained.splice(0)) resolve();
    }
  }
}

/** A batch of its own: a client may still hold the whole one. */
function part(batch: Batch, from: number, to: number): Batch {
  const records = batch.records.slice(from, to);
  const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
  return { records, settles: batch.settles.slice(from, to), bytes };
}

/** In place, for a client may hold the same ones still. */
function takeApart(records: AppendRecord[]): void {
  for (const [index, record] of records.entries()) records[index] = apart(record);
}

/** Values are written one behind the other into blocks (event-writer.ts): one that stays would keep the whole block, which nobody counts. */
function apart(record: AppendRecord): AppendRecord {
  const { value } = record;
  if (value.buffer.byteLength <= 2 * value.length) return record;
  const own = Buffer.allocUnsafeSlow(value.length);
  value.copy(own);
  return { ...record, value: own };
}

function sizeOf({ key, value }: AppendRecord): number {
  return value.length + (key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
