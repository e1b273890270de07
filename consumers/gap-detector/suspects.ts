// Two looks: what is in no account at the first look is a suspect; it is missing when a later look, at least the grace
// period after the first, still finds it in none, and when nobody who was writing at the first look is still at it: an open
// transaction hides the rows that it has written. Pure.
import { type FirstLook, type Rules, SOUND_RULES } from './rules.ts';
import type { Finding } from './verdict.ts';

export interface Suspect {
  readonly offset: bigint;
  readonly finding: Finding;
}

export interface LookTimes {
  readonly nowMs: number;
  readonly graceMs: number;
  /** Transactions that had written to the tables and were open before anything was read for this look, and after it. */
  readonly openBefore?: ReadonlySet<string>;
  readonly openAfter?: ReadonlySet<string>;
  readonly rules?: Rules;
}

const NOBODY: ReadonlySet<string> = new Set();

export class Suspects {
  readonly #firstSeen = new Map<bigint, FirstLook>();

  get size(): number {
    return this.#firstSeen.size;
  }

  /** Takes what one look at [lower, upper) found; tells which are missing by now, and forgets what has turned up. */
  look(
    lower: bigint,
    upper: bigint,
    seen: readonly Suspect[],
    { nowMs, graceMs, openBefore = NOBODY, openAfter = NOBODY, rules = SOUND_RULES }: LookTimes,
  ): { missing: Finding[]; waiting: number } {
    const present = new Set(seen.map(({ offset }) => offset));
    for (const offset of this.#firstSeen.keys()) {
      if (offset >= lower && offset < upper && !present.has(offset)) this.#firstSeen.delete(offset);
    }
    const missing: Finding[] = [];
    let waiting = 0;
    for (const { offset, finding } of seen) {
      const first = this.#firstSeen.get(offset);
      if (first === undefined) this.#firstSeen.set(offset, { atMs: nowMs, writing: openAfter });
      if (rules.isMissing(first, { nowMs, graceMs, writing: openBefore })) missing.push(finding);
      else waiting += 1;
    }
    return { missing, waiting };
  }
}
