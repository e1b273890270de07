// Which whole numbers have been said, in a bit each where many lie close together. Pure.

const PIECE = 16_384;
/** A piece with fewer numbers than this is no field of bits yet. */
const FEW = 64;

export class NumberSet {
  readonly #pieces = new Map<number, Set<number> | Uint32Array>();

  add(number: number): void {
    const key = Math.floor(number / PIECE);
    const piece = this.#pieces.get(key) ?? new Set<number>();
    const at = number % PIECE;
    if (piece instanceof Uint32Array) setBit(piece, at);
    else {
      piece.add(at);
      this.#pieces.set(key, piece.size > FEW ? bitsOf(piece) : piece);
    }
  }

  has(number: number): boolean {
    const piece = this.#pieces.get(Math.floor(number / PIECE));
    const at = number % PIECE;
    if (piece instanceof Uint32Array) return ((piece[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
    return piece?.has(at) ?? false;
  }
}

function bitsOf(numbers: ReadonlySet<number>): Uint32Array {
  const bits = new Uint32Array(PIECE / 32);
  for (const at of numbers) setBit(bits, at);
  return bits;
}

function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31));
}
