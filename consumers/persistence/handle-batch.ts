// One batch of the log: decode, make rows, store. Returning means that every offset of the batch is a row, a duplicate-of or
// a quarantine entry, durably. It waits out a registry or database that is away; it throws what waiting cannot cure (the
// breaker, a re-created topic, a defect), and then the reader hands the same records over again.
import type { Codec, Decoded } from '../../kafka/codec.ts';
import type { Batch, LogRecord } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Backoff } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import { type ChunkLimits, chunksOf } from './chunks.ts';
import type { PersistenceMetrics } from './metrics.ts';
import { outlast } from './outlast.ts';
import { toRow } from './rows.ts';
import type { Candidate, Poison, Store, StoreBatch, StoreOutcome } from './store.ts';

export interface HandleBatchDeps {
  readonly codec: Pick<Codec, 'decode'>;
  readonly store: Pick<Store, 'write'>;
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
  const { codec, store, metrics, clock, limits } = deps;
  const { topic, partition, records } = batch;
  metrics.batchSize.observe(records.length);

  const decodeStartMs = clock.nowMs();
  const decoded = await waitOut('registry', batch, deps, () =>
    Promise.all(records.map(({ value }) => codec.decode(TOPIC.incoming, value))),
  );
  metrics.batchDuration.observe({ stage: 'decode' }, (clock.nowMs() - decodeStartMs) / 1_000);

  const writeStartMs = clock.nowMs();
  const items = records.map((record, index) => toItem(batch, record, decoded[index]));
  for (const chunk of chunksOf(items, ({ raw }) => raw?.length ?? 0, limits)) {
    const outcome = await waitOut('database', batch, deps, async () => {
      const startMs = clock.nowMs();
      const written = await store.write(asStoreBatch(batch, chunk), batch.signal);
      metrics.writeDuration.observe((clock.nowMs() - startMs) / 1_000);
      return written;
    });
    count(batch, chunk.length, outcome, deps);
  }
  metrics.batchDuration.observe({ stage: 'write' }, (clock.nowMs() - writeStartMs) / 1_000);
  deps.logger.trace({ topic, partition, records: records.length }, 'persistence.batch.stored');
  // COMMIT has happened; the reader commits the offset after this return. A crash between the two hands the same records
  // over again: their coordinates and ids are there already, so they count as replayed and nothing changes
  // (test/integration/persistence-keeps-each-offset-in-one-account.test.ts, "handed over again"). A crash before COMMIT
  // leaves nothing behind, and the records come again too.
}

type Item = Candidate | Poison;

function toItem({ incarnation }: Batch, record: LogRecord, decoded: Decoded<IncomingEvent> | undefined): Item {
  if (decoded === undefined) throw new TypeError('a record without the result of its decoding');
  const { partition, offset, timestampMs, value: raw } = record;
  if (!decoded.ok) return { offset, raw, error: decoded.error };
  const made = toRow(decoded.value, { incarnation, partition, offset, timestampMs });
  return made.ok ? { row: made.row, raw } : { offset, raw, error: made.error };
}

function offsetOf(item: Item): bigint {
  return 'row' in item ? item.row.recordOffset : item.offset;
}

function asStoreBatch({ topic, partition, incarnation }: Batch, items: readonly Item[]): StoreBatch {
  const last = items.at(-1);
  if (last === undefined) throw new TypeError('a chunk without records');
  return {
    topic,
    partition,
    incarnation,
    candidates: items.filter((item) => 'row' in item),
    poisons: items.filter((item) => 'error' in item),
    upperOffset: offsetOf(last) + 1n,
  };
}

function count({ topic, partition }: Batch, records: number, outcome: StoreOutcome, deps: HandleBatchDeps): void {
  const { metrics, logger, clock, groupId } = deps;
  const { inserted, duplicates, replayed, quarantined } = outcome;
  const { totals } = metrics;
  const sanitised = inserted.filter(({ flags }) => flags.length > 0).length;
  const nowMs = clock.nowMs();
  for (const { receivedAt } of inserted) metrics.messageAge.observe(Math.max(0, nowMs - receivedAt.getTime()) / 1_000);
  metrics.consumed.inc({ group: groupId, topic }, records);
  metrics.rows.inc({ outcome: 'inserted' }, inserted.length);
  metrics.rows.inc({ outcome: 'duplicate' }, duplicates);
  metrics.rows.inc({ outcome: 'replayed' }, replayed);
  metrics.rows.inc({ outcome: 'quarantined' }, quarantined.length);
  metrics.sanitised.inc(sanitised);
  metrics.watermark.set({ topic, partition }, Number(outcome.coveredUpTo));
  totals.consumed += records;
  totals.inserted += inserted.length;
  totals.duplicate += duplicates;
  totals.replayed += replayed;
  totals.quarantined += quarantined.length;
  totals.sanitised += sanitised;
  for (const { offset, error } of quarantined) {
    const fields = { topic, partition, offset: String(offset), code: error.code, reason: error.message };
    logger.warn(fields, 'persistence.record.quarantined');
  }
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
