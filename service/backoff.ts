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

/** What the work comes to; throws the signal's reason as soon as it is aborted, and what comes later is nobody's business any more. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: over.signal });
  });
  return await Promise.race([work, aborted]).finally(() => over.abort());
}
