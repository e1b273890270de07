// The one sampling loop behind every watcher and every request. It runs while somebody watches, and for a while after the
// last look; then it rests, keeping its last sample, and the next look wakes it.
import type { Clock } from '../../service/clock.ts';
import type { Snapshot } from './snapshot.ts';

interface SamplerOptions {
  readonly take: () => Promise<Snapshot>;
  readonly clock: Clock;
  readonly pause: (durationMs: number, signal: AbortSignal) => Promise<void>;
  readonly intervalMs: number;
  readonly restAfterMs: number;
  /** Taking a snapshot does not fail by design; when it does, the service is broken. */
  readonly onBroken: (error: unknown) => void;
}

type Listener = (snapshot: Snapshot) => void;

/** A kept sample this many intervals old is no longer handed out as the present one. */
const FRESH_INTERVALS = 3;

export class Sampler {
  readonly #options: SamplerOptions;
  readonly #listeners = new Set<Listener>();
  readonly #stopping = new AbortController();
  #waiting: Listener[] = [];
  #last: { readonly snapshot: Snapshot; readonly atMs: number } | undefined;
  #lastWantedMs = 0;
  #isRunning = false;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  get isResting(): boolean {
    return !this.#isRunning;
  }

  /** The present snapshot: the loop's newest, or a new one when the loop had rested. */
  async latest(): Promise<Snapshot> {
    this.#wake();
    const last = this.#last;
    const freshMs = FRESH_INTERVALS * this.#options.intervalMs;
    if (last !== undefined && this.#options.clock.nowMs() - last.atMs <= freshMs) return last.snapshot;
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Calls the listener for every snapshot from now on, until the returned function is called. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#wake();
    return () => {
      this.#listeners.delete(listener);
      this.#lastWantedMs = this.#options.clock.nowMs();
    };
  }

  stop(): void {
    this.#stopping.abort();
    this.#listeners.clear();
  }

  #wake(): void {
    this.#lastWantedMs = this.#options.clock.nowMs();
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().catch((error: unknown) => this.#options.onBroken(error));
  }

  async #run(): Promise<void> {
    const { take, clock, intervalMs, pause } = this.#options;
    while (this.#isWanted()) {
      const startMs = clock.nowMs();
      const snapshot = await take();
      this.#last = { snapshot, atMs: clock.nowMs() };
      for (const listener of [...this.#waiting.splice(0), ...this.#listeners]) listener(snapshot);
      await pause(Math.max(0, intervalMs - (clock.nowMs() - startMs)), this.#stopping.signal);
    }
    // Set in the same turn as the last check, so that no wake falls in between.
    this.#isRunning = false;
  }

  #isWanted(): boolean {
    if (this.#stopping.signal.aborted) return false;
    const idleMs = this.#options.clock.nowMs() - this.#lastWantedMs;
    return this.#listeners.size > 0 || this.#waiting.length > 0 || idleMs <= this.#options.restAfterMs;
  }
}
