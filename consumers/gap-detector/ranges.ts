// Sets of whole numbers as sorted disjoint ranges, lower inclusive and upper exclusive. In-order arrival extends the last
// range; memory is O(gaps). Pure.
export interface Range {
  readonly lower: number;
  readonly upper: number;
}

export class RangeSet {
  /** lower, upper, lower, upper …, ascending. */
  readonly #bounds: number[] = [];
  #size = 0;

  /** How many numbers the set holds. */
  get size(): number {
    return this.#size;
  }

  get ranges(): readonly Range[] {
    const ranges: Range[] = [];
    for (let index = 0; index < this.#bounds.length; index += 2) {
      ranges.push({ lower: this.#bounds[index] as number, upper: this.#bounds[index + 1] as number });
    }
    return ranges;
  }

  has(value: number): boolean {
    // An odd number of bounds at or below the value means that it lies inside a range.
    return this.#boundsUpTo(value) % 2 === 1;
  }

  /** Adds [lower, upper). Returns how many of its numbers were not in the set before. */
  add(lower: number, upper: number): number {
    if (lower >= upper) return 0;
    let first = this.#boundsBelow(lower);
    let last = this.#boundsUpTo(upper);
    const start = first % 2 === 1 ? (this.#bounds[first - 1] as number) : lower;
    const end = last % 2 === 1 ? (this.#bounds[last] as number) : upper;
    if (first % 2 === 1) first -= 1;
    if (last % 2 === 1) last += 1;
    let replaced = 0;
    for (let index = first; index < last; index += 2) {
      replaced += (this.#bounds[index + 1] as number) - (this.#bounds[index] as number);
    }
    this.#bounds.splice(first, last - first, start, end);
    this.#size += end - start - replaced;
    return end - start - replaced;
  }

  /** The ranges of [lower, upper) that are not in the set. */
  missing(lower: number, upper: number): readonly Range[] {
    const gaps: Range[] = [];
    let from = lower;
    for (const range of this.ranges) {
      if (range.upper <= from) continue;
      if (range.lower >= upper) break;
      if (range.lower > from) gaps.push({ lower: from, upper: range.lower });
      from = range.upper;
    }
    if (from < upper) gaps.push({ lower: from, upper });
    return gaps;
  }

  /** Bounds ≤ value. */
  #boundsUpTo(value: number): number {
    return this.#search((bound) => bound <= value);
  }

  /** Bounds < value: an adjacent range that ends at the value is joined. */
  #boundsBelow(value: number): number {
    return this.#search((bound) => bound < value);
  }

  #search(isBefore: (bound: number) => boolean): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#bounds[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
