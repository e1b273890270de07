// Persistence's own way from records to rows, for whoever reads records in another way than its consumer group: a replay of what
// is missing. The same decoding, the same transaction, the same precedence of accounts.
import { Registry } from 'prom-client';
import type { Codec } from '../../kafka/codec.ts';
import type { Batch } from '../../kafka/log.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import type { Logger } from '../../service/logger.ts';
import { handleBatch } from './handle-batch.ts';
import { persistenceMetrics } from './metrics.ts';
import { Store } from './store.ts';

export interface SinkOptions {
  readonly pool: Pool;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names the replay in what is logged. */
  readonly groupId: string;
}

const LIMITS = { rowsMax: 1_000, bytesMax: 4 * 1_048_576 };
const BACKOFF = { initialMs: 200, maxMs: 5_000 };
/** A replay is of single records: that most of them are bad says nothing about the system. */
const BREAKER_PERCENT = 100;
/** The running service folds what is stored here: it looks for new rows by itself. */
const UNTOLD = { report: () => undefined, onStored: () => undefined };

/** Returning means that every record of the batch is a row, a duplicate or in quarantine, durably. */
export function openSink({ pool, ...rest }: SinkOptions): (batch: Batch) => Promise<void> {
  const store = new Store({ pool, breakerPercent: BREAKER_PERCENT });
  const metrics = persistenceMetrics(new Registry());
  const deps = { ...rest, store, metrics, limits: LIMITS, backoff: BACKOFF, ...UNTOLD };
  return (batch) => handleBatch(batch, deps);
}
