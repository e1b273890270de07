// When a client has timed out so often that it has to be replaced. Pure: the clock is an argument.
const TIMEOUTS = 3;
const WITHIN_MS = 60_000;

export class RepeatedTimeouts {
  #atMs: number[] = [];

  /** Counts one more; true when it is the third within a minute, and counting begins anew. */
  isRepeated(nowMs: number): boolean {
    this.#atMs = [...this.#atMs.filter((atMs) => nowMs - atMs < WITHIN_MS), nowMs];
    if (this.#atMs.length < TIMEOUTS) return false;
    this.#atMs = [];
    return true;
  }
}
