// Keeps a sender below the rate that the gateway allows, and silent while it has been asked to wait, so that it is not refused.
// A token bucket; pure.

export interface Rate {
  /** Events a second; undefined: no limit. */
  readonly rate: number | undefined;
  readonly burst: number | undefined;
}

export class Pacer {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;
  #pausedUntilMs = 0;

  constructor({ rate, burst }: Rate, nowMs: number) {
    this.#ratePerMs = rate === undefined ? Number.POSITIVE_INFINITY : Math.max(rate, 0.001) / 1_000;
    // What is delayed on its way arrives in a bunch: a tenth less than allowed keeps it welcome.
    this.#burst = rate === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((burst ?? rate) * 0.9));
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  /** How many may go now. */
  available(nowMs: number): number {
    if (nowMs > this.#atMs) this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#ratePerMs);
    this.#atMs = nowMs;
    return nowMs < this.#pausedUntilMs ? 0 : Math.floor(this.#tokens);
  }

  spend(count: number): void {
    this.#tokens -= count;
  }

  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  /** From when on at least one may go. */
  nextMs(nowMs: number): number {
    const lacking = 1 - this.#tokens;
    return Math.max(this.#pausedUntilMs, lacking <= 0 ? nowMs : nowMs + Math.ceil(lacking / this.#ratePerMs));
  }
}
