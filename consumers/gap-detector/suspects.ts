// Two looks: what is in no account at the first look is a suspect; it is missing when a later look, at least the grace
// period after the first, still finds it in none. Pure.
import type { Finding } from './verdict.ts';

export interface Suspect {
  readonly offset: bigint;
  readonly finding: Finding;
}

export class Suspects {
  readonly #firstSeenMs = new Map<bigint, number>();

  get size(): number {
    return this.#firstSeenMs.size;
  }

  /** Takes what one look at [lower, upper) found; tells which are missing by now, and forgets what has turned up. */
  look(
    lower: bigint,
    upper: bigint,
    seen: readonly Suspect[],
    nowMs: number,
    graceMs: number,
  ): { missing: Finding[]; waiting: number } {
    const present = new Set(seen.map(({ offset }) => offset));
    for (const offset of this.#firstSeenMs.keys()) {
      if (offset >= lower && offset < upper && !present.has(offset)) this.#firstSeenMs.delete(offset);
    }
    const missing: Finding[] = [];
    let waiting = 0;
    for (const { offset, finding } of seen) {
      const firstMs = this.#firstSeenMs.get(offset);
      if (firstMs === undefined) this.#firstSeenMs.set(offset, nowMs);
      if (firstMs !== undefined && nowMs - firstMs >= graceMs) missing.push(finding);
      else waiting += 1;
    }
    return { missing, waiting };
  }
}
