// How many events a second a peer may send: a bucket of `burst` tokens, filled at `ratePerSecond`, one token an event. Filled
// lazily, when somebody takes, so that a connection costs a few numbers and no timer. Pure.

export interface TokenBucketOptions {
  /** Events a second over time; above 0. */
  readonly ratePerSecond: number;
  /** Events that may come at once; at least 1. */
  readonly burst: number;
  /** Milliseconds of the clock that `take` uses. */
  readonly nowMs: number;
}

/** What adding up fractions may have lost of a token. */
const ROUNDING = 1e-9;

export class TokenBucket {
  /** As many at once as in a second over time. */
  static ofOneSecond(ratePerSecond: number, nowMs: number): TokenBucket {
    return new TokenBucket({ ratePerSecond, burst: ratePerSecond, nowMs });
  }

  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  /** Full at first. */
  constructor({ ratePerSecond, burst, nowMs }: TokenBucketOptions) {
    this.#perMs = ratePerSecond / 1_000;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = nowMs;
  }

  /**
   * 0 when one event was taken. Else nothing was, and so many milliseconds (whole, at least 1) must pass until one can be. A
   * clock that was set back fills nothing and costs nothing.
   */
  take(nowMs: number): number {
    const level = Math.min(this.#burst, this.#level + Math.max(0, nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    const isEnough = level >= 1 - ROUNDING;
    this.#level = isEnough ? level - 1 : level;
    return isEnough ? 0 : Math.max(1, Math.ceil((1 - ROUNDING - level) / this.#perMs));
  }

  /** What was taken is not needed after all. */
  giveBack(): void {
    this.#level = Math.min(this.#burst, this.#level + 1);
  }
}
