// Numbers that were met in ascending order, as ranges; inclusive, as checkpoints have them. Pure.
import type { SeqRange } from './seq-gaps.ts';

export class NumberRanges {
  readonly #ranges: { from: number; to: number }[];

  /** `ranges` ascending and disjoint. */
  constructor(ranges: readonly SeqRange[] = []) {
    this.#ranges = ranges.map((range) => ({ ...range }));
  }

  /** Numbers that are not above the last one are known already. */
  add(number: number): void {
    const last = this.#ranges.at(-1);
    if (last === undefined || number > last.to + 1) this.#ranges.push({ from: number, to: number });
    else if (number === last.to + 1) last.to = number;
  }

  get ranges(): readonly SeqRange[] {
    return this.#ranges;
  }

  /** What of `from` to `to` was never met. */
  without(from: number, to: number): readonly SeqRange[] {
    const missing: SeqRange[] = [];
    let next = from;
    for (const range of this.#ranges) {
      if (range.to < next) continue;
      if (range.from > to) break;
      if (range.from > next) missing.push({ from: next, to: range.from - 1 });
      next = range.to + 1;
    }
    if (next <= to) missing.push({ from: next, to });
    return missing;
  }
}
