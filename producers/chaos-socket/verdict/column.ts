// Very many numbers of a kind. A column grows in pieces, so that nothing is copied when more come, and a number costs its bytes and
// not an object's. Pure.

type Numbers = Uint8Array | Uint32Array | Float64Array;

const PIECE_BITS = 14;
const PIECE = 1 << PIECE_BITS;

export class Column {
  readonly #make: (size: number) => Numbers;
  readonly #pieces: Numbers[] = [];
  #length = 0;

  static bytes = (): Column => new Column((size) => new Uint8Array(size));
  static words = (): Column => new Column((size) => new Uint32Array(size));
  static numbers = (): Column => new Column((size) => new Float64Array(size));

  private constructor(make: (size: number) => Numbers) {
    this.#make = make;
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const index = this.#length++;
    if (index >>> PIECE_BITS === this.#pieces.length) this.#pieces.push(this.#make(PIECE));
    this.set(index, value);
  }

  at(index: number): number {
    return this.#pieces[index >>> PIECE_BITS]?.[index & (PIECE - 1)] ?? 0;
  }

  set(index: number, value: number): void {
    const piece = this.#pieces[index >>> PIECE_BITS];
    if (piece !== undefined) piece[index & (PIECE - 1)] = value;
  }
}
