// Waiting that grows, with jitter, and ends early when the signal says so.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** The pause before the given attempt (1 is the first repeat): doubles up to the maximum, then ±50 % by `random` in [0, 1). */
export function backoffMs(attempt: number, { initialMs, maxMs }: Backoff, random: () => number = Math.random): number {
  const base = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(base * (0.5 + random()));
}

/** Waits, or returns at once when the signal is aborted; never throws. */
export async function pause(durationMs: number, signal?: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal, ref: true }).catch(() => undefined);
}
