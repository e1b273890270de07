// How long a source that is dialled must not be read, to keep its rate over time: what a paused socket had read already still comes,
// and is paid back by a longer pause. Nothing is dropped. Pure.

/** A source may be so far ahead of its rate before it is paused. */
const AHEAD_MS = 1_000;

export class SourcePace {
  readonly #frameMs: number;
  #freeAtMs = 0;

  constructor(ratePerSecond: number) {
    this.#frameMs = 1_000 / ratePerSecond;
  }

  took(nowMs: number): void {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + this.#frameMs;
  }

  /** Milliseconds until it may be read again, 0 when it may be now. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.ceil(this.#freeAtMs - nowMs - AHEAD_MS));
  }
}
