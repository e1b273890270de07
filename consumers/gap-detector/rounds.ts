// The rounds of the running audit, one after the other. How long one may take depends on the log and the rows, so none is cut off:
// one that takes long says so again and again, and a report that does not come has its reason on the health page.
import { pause } from '../../service/backoff.ts';

export interface RoundsOptions {
  /** Milliseconds between the end of a round and the next. */
  readonly intervalMs: number;
  /** Milliseconds after which a round is called slow, and called so again. */
  readonly slowMs: number;
  readonly signal: AbortSignal;
  readonly round: () => Promise<void>;
  /** Milliseconds that the round has taken so far. */
  readonly onSlow: (tookMs: number) => void;
  /** Milliseconds that a round took which did not fail. */
  readonly onDone: (tookMs: number) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Resolves when the signal has aborted and the last round has ended. */
export async function repeatRounds({ intervalMs, slowMs, signal, ...of }: RoundsOptions): Promise<void> {
  while (!signal.aborted) {
    const beganMs = performance.now();
    const watch = setInterval(() => of.onSlow(performance.now() - beganMs), slowMs);
    await of
      .round()
      .then(() => of.onDone(performance.now() - beganMs), of.onFailed)
      .finally(() => clearInterval(watch));
    await pause(intervalMs, signal);
  }
}
