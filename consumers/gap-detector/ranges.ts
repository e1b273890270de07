// A set of whole numbers that becomes dense: a small bitmap for each chunk that has some of its numbers, and the chunks that have all of
// them as runs. Numbers may come in any order at the same cost (partitions are read one after the other, so neighbours arrive far
// apart). What is kept grows with the numbers that came one by one and, at the end, with the gaps; never with how far apart
// somebody puts them, nor with the width of a range. Ranges are lower inclusive, upper exclusive. Pure.
import { firstWhere } from '../../service/first-where.ts';
import { Intervals, type Range } from './intervals.ts';

const CHUNK = 1_024;
const WORD = 32;
const WORDS = CHUNK / WORD;
const ALL = 0xffff_ffff;

interface Chunk {
  readonly bits: Uint32Array;
  count: number;
}

export class RangeSet {
  /** Chunks that have some of their numbers and not all, by their number. */
  readonly #partial = new Map<number, Chunk>();
  /** Numbers of chunks that have all of theirs. */
  readonly #whole = new Intervals();
  /** The keys of `#partial`, ascending; undefined when they are others by now. */
  #sorted: Float64Array | undefined;
  #size = 0;

  /** How many numbers the set holds. */
  get size(): number {
    return this.#size;
  }

  has(value: number): boolean {
    const number = Math.floor(value / CHUNK);
    const chunk = this.#partial.get(number);
    return chunk === undefined ? this.#whole.has(number) : isSet(chunk.bits, value - number * CHUNK);
  }

  /** Adds [lower, upper). Returns how many of its numbers were not in the set before. */
  add(lower: number, upper: number): number {
    if (lower >= upper) return 0;
    const first = Math.floor(lower / CHUNK);
    const last = Math.floor((upper - 1) / CHUNK);
    let added: number;
    if (first === last) added = this.#addToChunk(first, lower - first * CHUNK, upper - first * CHUNK);
    else {
      added = this.#addToChunk(first, lower - first * CHUNK, CHUNK);
      added += this.#addChunks(first + 1, last);
      added += this.#addToChunk(last, 0, upper - last * CHUNK);
    }
    this.#size += added;
    return added;
  }

  /** The ranges of [lower, upper) that are not in the set. */
  missing(lower: number, upper: number): readonly Range[] {
    const gaps: Range[] = [];
    let next = lower;
    const isThere = (from: number, to: number): void => {
      if (to <= next) return;
      if (from > next && next < upper) gaps.push({ lower: next, upper: Math.min(from, upper) });
      next = to;
    };
    const [first, end] = [Math.floor(lower / CHUNK), Math.ceil(upper / CHUNK)];
    const partial = this.#partialFrom(first, end);
    let at = 0;
    const partialBelow = (number: number): void => {
      for (; at < partial.length && (partial[at] as number) < number; at += 1) {
        const each = partial[at] as number;
        eachRun(this.#partial.get(each)?.bits, (from, to) => isThere(each * CHUNK + from, each * CHUNK + to));
      }
    };
    for (const run of this.#whole.within(first, end)) {
      partialBelow(run.lower);
      isThere(run.lower * CHUNK, run.upper * CHUNK);
    }
    partialBelow(end);
    if (next < upper) gaps.push({ lower: next, upper });
    return gaps;
  }

  /** The lowest number from `lower` on that is not in the set. */
  firstMissing(lower: number): number {
    for (let value = lower; ; ) {
      const number = Math.floor(value / CHUNK);
      const chunk = this.#partial.get(number);
      if (chunk === undefined) {
        const open = this.#whole.firstMissing(number);
        if (open === number) return value;
        value = open * CHUNK;
      } else {
        const open = firstUnset(chunk.bits, value - number * CHUNK);
        if (open < CHUNK) return number * CHUNK + open;
        value = (number + 1) * CHUNK;
      }
    }
  }

  #addToChunk(number: number, from: number, to: number): number {
    let chunk = this.#partial.get(number);
    if (chunk === undefined) {
      if (this.#whole.has(number)) return 0;
      chunk = { bits: new Uint32Array(WORDS), count: 0 };
      this.#partial.set(number, chunk);
      this.#sorted = undefined;
    }
    const { bits } = chunk;
    let added = 0;
    for (let value = from; value < to; value += 1) {
      if (isSet(bits, value)) continue;
      const word = value >>> 5;
      bits[word] = (bits[word] as number) | (1 << (value & 31));
      added += 1;
    }
    chunk.count += added;
    if (chunk.count === CHUNK) {
      this.#forget(number);
      this.#whole.add(number, number + 1);
    }
    return added;
  }

  /** All numbers of the chunks [from, to). */
  #addChunks(from: number, to: number): number {
    if (from >= to) return 0;
    let held = 0;
    for (const number of this.#partialFrom(from, to)) {
      held += this.#partial.get(number)?.count ?? 0;
      this.#forget(number);
    }
    return this.#whole.add(from, to) * CHUNK - held;
  }

  #forget(number: number): void {
    if (this.#partial.delete(number)) this.#sorted = undefined;
  }

  /** The partial chunks of [first, end), ascending. */
  #partialFrom(first: number, end: number): ArrayLike<number> & Iterable<number> {
    // Of a few chunks it is sooner asked than sorted.
    if (end - first <= this.#partial.size) {
      const found: number[] = [];
      for (let number = first; number < end; number += 1) if (this.#partial.has(number)) found.push(number);
      return found;
    }
    this.#sorted ??= Float64Array.from(this.#partial.keys()).sort();
    const sorted = this.#sorted;
    return sorted.subarray(
      firstWhere(sorted, (one) => one >= first),
      firstWhere(sorted, (one) => one >= end),
    );
  }
}

function isSet(bits: Uint32Array, value: number): boolean {
  return ((bits[value >>> 5] as number) & (1 << (value & 31))) !== 0;
}

function firstUnset(bits: Uint32Array, from: number): number {
  let value = from;
  while (value < CHUNK && isSet(bits, value)) value += (value & 31) === 0 && bits[value >>> 5] === ALL ? WORD : 1;
  return value;
}

/** The runs of set bits, ascending; one may come in parts that touch. */
function eachRun(bits: Uint32Array | undefined, tell: (from: number, to: number) => void): void {
  for (let word = 0; bits !== undefined && word < WORDS; word += 1) {
    const set = bits[word] as number;
    if (set === 0) continue;
    const base = word * WORD;
    if (set === ALL) tell(base, base + WORD);
    else for (let bit = 0; bit < WORD; bit += 1) if ((set & (1 << bit)) !== 0) tell(base + bit, base + bit + 1);
  }
}
