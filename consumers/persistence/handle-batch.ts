// One batch of the log: decode, make rows, store. Returning means that every offset of the batch is a row, a duplicate-of or
// a quarantine entry, durably. It waits out a registry or database that is away; it throws what waiting cannot cure (the
// breaker, a log that was rewritten, a defect), and then the reader hands the same records over again.
import type { Codec, Decoded } from '../../kafka/codec.ts';
import type { Batch, LogRecord } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Backoff } from '../../service/backoff.ts';
import { type ChunkLimits, chunksOf } from '../../service/chunks.ts';
import type { Clock } from '../../service/clock.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { RowWriter } from './copy-rows.ts';
import type { PersistenceMetrics } from './metrics.ts';
import { outlast } from './outlast.ts';
import { type RowOrReason, toRow } from './rows.ts';
import type { Candidate, NewBatch, Poison, Store, StoreOutcome } from './store.ts';

export interface HandleBatchDeps {
  readonly codec: Pick<Codec, 'decodeEach'>;
  readonly store: Pick<Store, 'isLikelyNew' | 'copy' | 'write'>;
  /** Told of a partition that has new rows. */
  readonly onStored: (at: Pick<Batch, 'incarnation' | 'partition'>) => void;
  readonly metrics: PersistenceMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly groupId: string;
  readonly limits: ChunkLimits;
  readonly backoff: Backoff;
  /** Tells a health check. */
  readonly report: (check: string, ready: boolean, detail: string) => void;
}

/** An abort (assignment lost, service stopping) makes it return with nothing half done; the reader then does not commit. */
export async function handleBatch(batch: Batch, deps: HandleBatchDeps): Promise<void> {
  try {
    await storeBatch(batch, deps);
  } catch (error) {
    if (!batch.signal.aborted) throw error;
    deps.logger.debug({ topic: batch.topic, partition: batch.partition }, 'persistence.batch.abandoned');
  }
}

async function storeBatch(batch: Batch, deps: HandleBatchDeps): Promise<void> {
  const { metrics, limits, logger } = deps;
  const { topic, partition, records } = batch;
  metrics.batchSize.observe(records.length);
  for (const chunk of chunksOf(records, ({ value }) => value?.length ?? 0, limits)) {
    const outcome = (await storeNew(batch, chunk, deps)) ?? (await storeAny(batch, chunk, deps));
    killPoint('persistence.rows.committed');
    count(batch, chunk.length, outcome, deps);
    if (outcome.inserted.length > 0) deps.onStored(batch);
  }
  logger.trace({ topic, partition, records: records.length }, 'persistence.batch.stored');
  // COMMIT has happened; the reader commits the offset after this return. A crash between the two hands the same records
  // over again: their coordinates and ids are there already, so they count as replayed and nothing changes
  // (test/integration/persistence-keeps-each-offset-in-one-account.test.ts, "handed over again"). A crash before COMMIT
  // leaves nothing behind, and the records come again too.
}

/** The short way, in one pass from the record's bytes to those of COPY; undefined where it cannot be gone. */
async function storeNew(batch: Batch, chunk: Chunk, deps: HandleBatchDeps): Promise<StoreOutcome | undefined> {
  const { store } = deps;
  if (!store.isLikelyNew(batch)) return undefined;
  const written = await timed('decode', deps, () =>
    waitOut('registry', batch, deps, () => writtenOut(batch, chunk, deps)),
  );
  killPoint('persistence.batch.decoded');
  return written && (await inDatabase(batch, deps, () => store.copy(written, batch.signal)));
}

/** Undefined where a record cannot become a row, or between them one is missing: the range would say more than the chunk. */
async function writtenOut(batch: Batch, chunk: Chunk, { codec }: HandleBatchDeps): Promise<NewBatch | undefined> {
  const { topic, partition, incarnation } = batch;
  const upperOffset = endOf(chunk);
  const lower = upperOffset - BigInt(chunk.length);
  if (chunk[0]?.offset !== lower) return undefined;
  const writer = new RowWriter(chunk.length);
  let isWhole = true;
  await codec.decodeEach(TOPIC.incoming, valuesOf(chunk), (decoded, index) => {
    const made = isWhole ? rowOf(batch, chunk[index], decoded) : undefined;
    if (made?.ok === true) writer.add(made.row);
    else isWhole = false;
  });
  return isWhole ? { topic, partition, incarnation, lower, upperOffset, written: writer.end() } : undefined;
}

/** Whatever is in the chunk, and whatever is stored of it already. */
async function storeAny(batch: Batch, chunk: Chunk, deps: HandleBatchDeps): Promise<StoreOutcome> {
  const { topic, partition, incarnation } = batch;
  const items = await timed('decode', deps, () => waitOut('registry', batch, deps, () => itemsOf(batch, chunk, deps)));
  killPoint('persistence.batch.decoded');
  const candidates = items.filter((item) => 'row' in item);
  const poisons = items.filter((item) => 'error' in item);
  const all = { topic, partition, incarnation, candidates, poisons, upperOffset: endOf(chunk) };
  return await inDatabase(batch, deps, () => deps.store.write(all, batch.signal));
}

async function itemsOf(batch: Batch, chunk: Chunk, { codec }: HandleBatchDeps): Promise<readonly Item[]> {
  const items: Item[] = [];
  await codec.decodeEach(TOPIC.incoming, valuesOf(chunk), (decoded, index) => {
    items.push(toItem(batch, chunk[index], decoded));
  });
  return items;
}

/** Of a batch what goes into one transaction. */
type Chunk = readonly LogRecord[];
type Item = Candidate | Poison;

function toItem(batch: Batch, record: LogRecord | undefined, decoded: Decoded<IncomingEvent>): Item {
  const made = rowOf(batch, record, decoded);
  const { offset, value: raw } = record as LogRecord;
  return made.ok ? { row: made.row, raw } : { offset, raw, error: made.error };
}

function rowOf({ incarnation }: Batch, record: LogRecord | undefined, decoded: Decoded<IncomingEvent>): RowOrReason {
  if (record === undefined) throw new TypeError('a result of decoding without its record');
  if (!decoded.ok) return decoded;
  const { partition, offset, timestampMs } = record;
  return toRow(decoded.value, { incarnation, partition, offset, timestampMs });
}

function valuesOf(chunk: Chunk): readonly (Buffer | null)[] {
  return chunk.map(({ value }) => value);
}

function endOf(chunk: Chunk): bigint {
  return (chunk.at(-1) as LogRecord).offset + 1n;
}

async function inDatabase<T>(batch: Batch, deps: HandleBatchDeps, write: () => Promise<T>): Promise<T> {
  const { clock, metrics } = deps;
  const attempt = async (): Promise<T> => {
    const startMs = clock.nowMs();
    const written = await write();
    metrics.writeDuration.observe((clock.nowMs() - startMs) / 1_000);
    return written;
  };
  return await timed('write', deps, () => waitOut('database', batch, deps, attempt));
}

async function timed<T>(
  stage: 'decode' | 'write',
  { clock, metrics }: HandleBatchDeps,
  work: () => Promise<T>,
): Promise<T> {
  const startMs = clock.nowMs();
  const done = await work();
  metrics.batchDuration.observe({ stage }, (clock.nowMs() - startMs) / 1_000);
  return done;
}

function count({ topic, partition }: Batch, records: number, outcome: StoreOutcome, deps: HandleBatchDeps): void {
  const { metrics, logger, clock, groupId } = deps;
  const { inserted, duplicates, replayed, quarantined, conflicts } = outcome;
  const { totals } = metrics;
  const sanitised = inserted.filter(({ flags }) => flags.length > 0).length;
  const nowMs = clock.nowMs();
  for (const { receivedAtMs } of inserted) metrics.messageAge.observe(Math.max(0, nowMs - receivedAtMs) / 1_000);
  metrics.consumed.inc({ group: groupId, topic }, records);
  metrics.rows.inc({ outcome: 'inserted' }, inserted.length);
  metrics.rows.inc({ outcome: 'duplicate' }, duplicates);
  metrics.rows.inc({ outcome: 'replayed' }, replayed);
  metrics.rows.inc({ outcome: 'quarantined' }, quarantined.length);
  metrics.sanitised.inc(sanitised);
  metrics.conflicts.inc(conflicts.length);
  metrics.watermark.set({ topic, partition }, Number(outcome.coveredUpTo));
  totals.consumed += records;
  totals.inserted += inserted.length;
  totals.duplicate += duplicates;
  totals.replayed += replayed;
  totals.quarantined += quarantined.length;
  totals.sanitised += sanitised;
  totals.conflicts += conflicts.length;
  for (const { offset, error } of quarantined) {
    const fields = { topic, partition, offset: String(offset), code: error.code, reason: error.message };
    logger.warn(fields, 'persistence.record.quarantined');
  }
  for (const offset of conflicts)
    logger.info({ topic, partition, offset: String(offset) }, 'persistence.record.conflict');
}

function waitOut<T>(
  server: 'database' | 'registry',
  { topic, partition, signal }: Batch,
  { metrics, logger, backoff, report }: HandleBatchDeps,
  operation: () => Promise<T>,
): Promise<T> {
  const onRetry = (sqlStateClass: string): void => {
    metrics.retries.inc({ sqlstate_class: sqlStateClass });
    metrics.totals.retries += 1;
  };
  return outlast(operation, { server, signal, backoff, logger, fields: { topic, partition }, report, onRetry });
}
