// Repeats a step while what it needs is away: with growing pauses, loudly, and only as long as anybody wants its result.
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';

const RETRY_BACKOFF = { initialMs: 200, maxMs: 5_000 };

export interface Perseverance {
  readonly step: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Whether waiting can help; any other error is thrown at once. */
  readonly isPassing: (error: unknown) => boolean;
  /** Before each pause. */
  readonly onRetry: (error: unknown) => void;
}

/** Throws the step's last error when the signal is aborted. */
export async function persevere<T>(work: () => Promise<T>, options: Perseverance): Promise<T> {
  const { step, signal, logger, isPassing, onRetry } = options;
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      logger.warn({ step, attempt, error: describeError(error) }, 'commands.step.retry');
      onRetry(error);
      await pause(backoffMs(attempt, RETRY_BACKOFF), signal);
    }
  }
}
