// Numbers that are given out one after the other and settled once, in any order. They lie in blocks, and a block is kept only while one of
// its numbers is open: memory grows with what is open, not with what settles behind it, be the log without one partition for days.
// A block of which nothing is settled is a few words: a spool has millions of numbers that all are open. Pure.
interface Block {
  readonly first: number;
  settled: number;
  /** By the distance from the first. */
  isSettled: Uint8Array | undefined;
}

const BLOCK_SIZE = 256;

export class OpenNumbers {
  #given = 0;
  #size = 0;
  /** In ascending order. */
  readonly #blocks = new Map<number, Block>();

  /** The highest number given out. */
  get given(): number {
    return this.#given;
  }

  /** How many are open. */
  get size(): number {
    return this.#size;
  }

  /** Nothing is open up to here. Looked for here and not at every number, of which there are many more. */
  get settledUpTo(): number {
    const [block] = this.#blocks.values();
    if (block === undefined) return this.#given;
    return block.first - 1 + (block.isSettled?.indexOf(0) ?? 0);
  }

  next(): number {
    const number = this.#given + 1;
    const index = indexOf(number);
    const first = index * BLOCK_SIZE + 1;
    if (number === first) this.#blocks.set(index, { first, settled: 0, isSettled: undefined });
    this.#given = number;
    this.#size += 1;
    return number;
  }

  /** Returns whether it was open. */
  settle(number: number): boolean {
    const index = indexOf(number);
    const block = this.#blocks.get(index);
    if (block === undefined || number > this.#given) return false;
    block.isSettled ??= new Uint8Array(BLOCK_SIZE);
    const at = number - block.first;
    if (block.isSettled[at] === 1) return false;
    block.isSettled[at] = 1;
    block.settled += 1;
    if (block.settled === BLOCK_SIZE) this.#blocks.delete(index);
    this.#size -= 1;
    return true;
  }
}

/** Of the number's block. */
function indexOf(number: number): number {
  return Math.floor((number - 1) / BLOCK_SIZE);
}
