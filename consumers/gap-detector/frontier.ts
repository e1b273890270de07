// Up to when the running audit has read everything: at that time the log ended at offsets that it has passed by now. Whether a gateway
// is silent, or a number overdue, is asked as of then. A partition that is still to be read would else hold the words of a gateway
// that is called dead, and the numbers that are called missing. Pure; the clock is an argument.

interface Aim {
  readonly atMs: number;
  /** By `topic-partition`. */
  readonly ends: ReadonlyMap<string, bigint>;
}

export class Frontier {
  #aim: Aim | undefined;
  #reachedMs: number | undefined;

  /** Takes the ends as they are now; undefined as long as the ends of no time have been passed. */
  look(nowMs: number, ends: ReadonlyMap<string, bigint>, positions: ReadonlyMap<string, bigint>): number | undefined {
    const now: Aim = { atMs: nowMs, ends };
    if (this.#aim !== undefined && isPassed(this.#aim, positions)) {
      this.#reachedMs = this.#aim.atMs;
      this.#aim = undefined;
    }
    // Under load the ends of now are always a little ahead; those of a while ago are not.
    if (isPassed(now, positions)) this.#reachedMs = nowMs;
    this.#aim ??= now;
    return this.#reachedMs;
  }
}

function isPassed({ ends }: Aim, positions: ReadonlyMap<string, bigint>): boolean {
  return [...ends].every(([name, end]) => end === 0n || (positions.get(name) ?? -1n) >= end);
}
