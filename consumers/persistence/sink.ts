// Persistence's own way from records to rows, for whoever reads records in another way than its consumer group: a replay of what
// is missing. The same decoding, the same transaction, the same precedence of accounts.
import { Registry } from 'prom-client';
import type { Codec } from '../../kafka/codec.ts';
import type { Batch } from '../../kafka/log.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { type HandleBatchDeps, handleBatch } from './handle-batch.ts';
import { persistenceMetrics } from './metrics.ts';
import { Store } from './store.ts';

export interface SinkOptions {
  readonly pool: Pool;
  readonly codec: Pick<Codec, 'decodeEach'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names the replay in what is logged. */
  readonly groupId: string;
  /** Told each time that a server fails, which one and how. */
  readonly onWaiting: (text: string) => void;
}

const LIMITS = { rowsMax: 1_000, bytesMax: 4 * 1_048_576 };
const BACKOFF = { initialMs: 200, maxMs: 5_000 };
/** A replay is of single records: that most of them are bad says nothing about the system. */
const BREAKER_PERCENT = 100;
/** The running service folds what is stored here: it looks for new rows by itself. */
const onStored = (): void => undefined;
/** Somebody waits for the end of a replay: this is long enough for a server that starts again, and short enough to be told. */
const GIVE_UP_MS = 60_000;

/**
 * Returning means that every record of the batch is a row, a duplicate or in quarantine, durably. Throws PMC_REGISTRY_UNREACHABLE or
 * PMC_DATABASE_UNREACHABLE where that server has failed for a minute.
 */
export function openSink({ pool, onWaiting, ...rest }: SinkOptions): (batch: Batch) => Promise<void> {
  const store = new Store({ pool, breakerPercent: BREAKER_PERCENT });
  const metrics = persistenceMetrics(new Registry());
  const deps = { ...rest, store, metrics, limits: LIMITS, backoff: BACKOFF, onStored };
  return async (batch) => {
    const givenUp = new AbortController();
    let failsSinceMs: number | undefined;
    const report: HandleBatchDeps['report'] = (server, isReady, detail) => {
      if (isReady) {
        failsSinceMs = undefined;
        return;
      }
      onWaiting(`${server}: ${detail}`);
      failsSinceMs ??= rest.clock.nowMs();
      if (rest.clock.nowMs() - failsSinceMs < GIVE_UP_MS) return;
      const code = server === 'registry' ? 'PMC_REGISTRY_UNREACHABLE' : 'PMC_DATABASE_UNREACHABLE';
      givenUp.abort(new PmcError(code, `the ${server} has failed for a minute: ${detail}`));
    };
    const signal = AbortSignal.any([batch.signal, givenUp.signal]);
    await handleBatch({ ...batch, signal }, { ...deps, report });
    // An abort ends that without an error.
    signal.throwIfAborted();
  };
}
