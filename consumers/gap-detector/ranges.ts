// A set of whole numbers that becomes dense: a bitmap per 65,536 numbers, dropped for a mark once all of them are in. Numbers
// may come in any order at the same cost (partitions are read one after the other, so neighbours arrive far apart), and what
// is kept at the end is O(gaps). Ranges are lower inclusive, upper exclusive. Pure.
export interface Range {
  readonly lower: number;
  readonly upper: number;
}

const CHUNK = 65_536;
const WORD = 32;

interface Chunk {
  /** undefined when every number of the chunk is in the set. */
  bits: Uint32Array | undefined;
  count: number;
}

export class RangeSet {
  readonly #chunks = new Map<number, Chunk>();
  #size = 0;

  /** How many numbers the set holds. */
  get size(): number {
    return this.#size;
  }

  has(value: number): boolean {
    const chunk = this.#chunks.get(Math.floor(value / CHUNK));
    if (chunk === undefined) return false;
    return chunk.bits === undefined || isSet(chunk.bits, value % CHUNK);
  }

  /** Adds [lower, upper). Returns how many of its numbers were not in the set before. */
  add(lower: number, upper: number): number {
    let added = 0;
    for (let value = lower; value < upper; ) {
      const number = Math.floor(value / CHUNK);
      const end = Math.min(upper, (number + 1) * CHUNK);
      added += this.#addToChunk(number, value - number * CHUNK, end - number * CHUNK);
      value = end;
    }
    this.#size += added;
    return added;
  }

  /** The ranges of [lower, upper) that are not in the set. */
  missing(lower: number, upper: number): readonly Range[] {
    const gaps: Range[] = [];
    let from: number | undefined;
    for (let value = lower; value < upper; ) {
      const number = Math.floor(value / CHUNK);
      const chunk = this.#chunks.get(number);
      const end = Math.min(upper, (number + 1) * CHUNK);
      if (chunk === undefined) {
        from ??= value;
        value = end;
      } else if (chunk.bits === undefined) {
        if (from !== undefined) gaps.push({ lower: from, upper: value });
        from = undefined;
        value = end;
      } else {
        const present = isSet(chunk.bits, value % CHUNK);
        if (present && from !== undefined) gaps.push({ lower: from, upper: value });
        from = present ? undefined : (from ?? value);
        value += 1;
      }
    }
    if (from !== undefined) gaps.push({ lower: from, upper });
    return gaps;
  }

  /** The lowest number from `lower` on that is not in the set. */
  firstMissing(lower: number): number {
    for (let value = lower; ; ) {
      const number = Math.floor(value / CHUNK);
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) return value;
      if (chunk.bits === undefined) value = (number + 1) * CHUNK;
      else if (isSet(chunk.bits, value % CHUNK)) value += 1;
      else return value;
    }
  }

  #addToChunk(number: number, from: number, to: number): number {
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = { bits: new Uint32Array(CHUNK / WORD), count: 0 };
      this.#chunks.set(number, chunk);
    }
    if (chunk.bits === undefined) return 0;
    let added = 0;
    for (let value = from; value < to; value += 1) {
      if (isSet(chunk.bits, value)) continue;
      const word = value >>> 5;
      chunk.bits[word] = (chunk.bits[word] as number) | (1 << (value & 31));
      added += 1;
    }
    chunk.count += added;
    if (chunk.count === CHUNK) chunk.bits = undefined;
    return added;
  }
}

function isSet(bits: Uint32Array, value: number): boolean {
  return ((bits[value >>> 5] as number) & (1 << (value & 31))) !== 0;
}
