// A set of whole numbers as the runs it is made of: as large as they are many, however wide each of them is. Pure.
import { firstWhere } from '../../service/first-where.ts';

/** Lower inclusive, upper exclusive. */
export interface Range {
  readonly lower: number;
  readonly upper: number;
}

export class Intervals {
  /** Ascending; no two of them touch. */
  readonly #lowers: number[] = [];
  readonly #uppers: number[] = [];

  has(value: number): boolean {
    const index = this.#lastFrom(value);
    return index >= 0 && value < (this.#uppers[index] as number);
  }

  /** Adds [lower, upper). Returns how many of its numbers were not in the set before. */
  add(lower: number, upper: number): number {
    if (lower >= upper) return 0;
    const first = this.#firstUpTo(lower);
    const end = this.#lastFrom(upper) + 1;
    let [from, to, held] = [lower, upper, 0];
    for (let index = first; index < end; index += 1) {
      const [before, after] = [this.#lowers[index] as number, this.#uppers[index] as number];
      held += Math.min(upper, after) - Math.max(lower, before);
      [from, to] = [Math.min(from, before), Math.max(to, after)];
    }
    this.#lowers.splice(first, end - first, from);
    this.#uppers.splice(first, end - first, to);
    return upper - lower - held;
  }

  /** The ranges of [lower, upper) that are in the set. */
  within(lower: number, upper: number): readonly Range[] {
    const found: Range[] = [];
    for (let index = this.#firstUpTo(lower + 1); index < this.#lowers.length; index += 1) {
      const from = this.#lowers[index] as number;
      if (from >= upper) break;
      found.push({ lower: Math.max(lower, from), upper: Math.min(upper, this.#uppers[index] as number) });
    }
    return found;
  }

  /** The ranges of [lower, upper) that are not in the set. */
  missing(lower: number, upper: number): readonly Range[] {
    const gaps: Range[] = [];
    let next = lower;
    for (const run of this.within(lower, upper)) {
      if (run.lower > next) gaps.push({ lower: next, upper: run.lower });
      next = run.upper;
    }
    if (next < upper) gaps.push({ lower: next, upper });
    return gaps;
  }

  /** The lowest number from `lower` on that is not in the set. */
  firstMissing(lower: number): number {
    const index = this.#lastFrom(lower);
    return index < 0 ? lower : Math.max(lower, this.#uppers[index] as number);
  }

  /** The last run that begins at or below the number; -1 for none. */
  #lastFrom(value: number): number {
    return firstWhere(this.#lowers, (lower) => lower > value) - 1;
  }

  /** The first run that ends at or above the number. */
  #firstUpTo(value: number): number {
    return firstWhere(this.#uppers, (upper) => upper >= value);
  }
}
