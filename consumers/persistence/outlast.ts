// Repeats an operation for as long as a server it needs is in trouble: loudly, with growing pauses, for ever, until it
// succeeds or the signal says that somebody else will do it. Errors that waiting cannot cure pass through at once.
import { type Backoff, backoffMs, pause } from '../../service/backoff.ts';
import { failureOf, sqlStateOf } from '../../service/database.ts';
import type { PmcErrorCode } from '../../service/error-codes.ts';
import { describeError, type ErrorDetails, PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';

export interface OutlastOptions {
  /** The server asked, as a health check's name. */
  readonly server: 'database' | 'registry';
  readonly signal: AbortSignal;
  readonly backoff: Backoff;
  readonly logger: Logger;
  /** What is being done, for the log. */
  readonly fields: ErrorDetails;
  readonly report: (check: string, ready: boolean, detail: string) => void;
  readonly onRetry: (sqlStateClass: string) => void;
}

const CURED_BY_WAITING: ReadonlySet<PmcErrorCode> = new Set([
  'PMC_DATABASE_UNREACHABLE',
  'PMC_REGISTRY_UNREACHABLE',
  'PMC_PERSISTENCE_ROW_VANISHED',
]);

/** Who waits no more has no part in what health says: nobody else would take it back. Whoever still waits says so at the next attempt. */
const NOBODY_WAITS = 'nobody waits for it';

export async function outlast<T>(operation: () => Promise<T>, options: OutlastOptions): Promise<T> {
  const { server, signal, backoff, logger, fields, report, onRetry } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await operation();
      if (attempt > 1) logger.info({ ...fields, server, attempt }, 'persistence.store.recovered');
      report(server, true, 'answers');
      return result;
    } catch (error) {
      if (signal.aborted || !isCuredByWaiting(error)) {
        if (attempt > 1) report(server, true, NOBODY_WAITS);
        throw error;
      }
      const delayMs = backoffMs(attempt, backoff);
      const reason = describeError(error);
      onRetry(sqlStateOf(error)?.slice(0, 2) ?? 'none');
      report(server, false, `waiting, ${attempt} attempts so far: ${reason}`);
      logger.warn(
        { ...fields, server, attempt, delayMs, sqlState: sqlStateOf(error), error: reason },
        'persistence.store.retry',
      );
      await pause(delayMs, signal);
      if (signal.aborted) {
        report(server, true, NOBODY_WAITS);
        throw error;
      }
    }
  }
}

/** Trouble of a server, of any kind not known to be otherwise; not a record's fault and not a defect of this program. */
export function isCuredByWaiting(error: unknown): boolean {
  if (error instanceof PmcError) return CURED_BY_WAITING.has(error.code);
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return false;
  return failureOf(error) === 'infrastructure';
}
