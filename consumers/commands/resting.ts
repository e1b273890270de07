// What is left alone for a while because it failed when it was last tried, with pauses that grow; in memory, and pure.
import { type Backoff, backoffMs } from '../../service/backoff.ts';

interface Rest<T> {
  readonly what: T;
  readonly problem: string;
  readonly failures: number;
  readonly dueMs: number;
}

export class Resting<T> {
  readonly #backoff: Backoff;
  readonly #rests = new Map<string, Rest<T>>();

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  failed(name: string, what: T, problem: string, nowMs: number): void {
    const failures = (this.#rests.get(name)?.failures ?? 0) + 1;
    this.#rests.set(name, { what, problem, failures, dueMs: nowMs + backoffMs(failures, this.#backoff) });
  }

  /** It is well, or there is nothing of it any more. */
  ended(name: string): void {
    this.#rests.delete(name);
  }

  has(name: string): boolean {
    return this.#rests.has(name);
  }

  /** All that failed and did not succeed since, due or not. */
  get names(): readonly string[] {
    return [...this.#rests.keys()];
  }

  /** What failed the longest time ago says why. */
  get problem(): string | undefined {
    return [...this.#rests.values()][0]?.problem;
  }

  due(nowMs: number): readonly T[] {
    return [...this.#rests.values()].filter(({ dueMs }) => dueMs <= nowMs).map(({ what }) => what);
  }

  /** Those whose time has not come. */
  asleep(nowMs: number): readonly T[] {
    return [...this.#rests.values()].filter(({ dueMs }) => dueMs > nowMs).map(({ what }) => what);
  }

  /** When the first of them is due; infinite where there is none. */
  get nextDueMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#rests.values()].map(({ dueMs }) => dueMs));
  }
}
