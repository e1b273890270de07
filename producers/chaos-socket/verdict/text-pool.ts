// Very many short texts, each of which costs its bytes. Pure.

const TEXT_PIECE_BYTES = 1 << 18;

/** Texts as UTF-8; each is known by where it begins and how many bytes it has. */
export class TextPool {
  readonly #pieces: Buffer[] = [];
  #used = TEXT_PIECE_BYTES;

  add(text: string): { readonly start: number; readonly bytes: number } {
    const bytes = Buffer.byteLength(text);
    if (this.#used + bytes > TEXT_PIECE_BYTES) {
      // A text larger than a piece has one for itself.
      this.#pieces.push(Buffer.allocUnsafe(Math.max(TEXT_PIECE_BYTES, bytes)));
      this.#used = 0;
    }
    const offset = this.#used;
    this.#used += bytes;
    this.#pieces.at(-1)?.write(text, offset);
    return { start: (this.#pieces.length - 1) * TEXT_PIECE_BYTES + offset, bytes };
  }

  text(start: number, bytes: number): string {
    const offset = start % TEXT_PIECE_BYTES;
    return this.#pieces[Math.floor(start / TEXT_PIECE_BYTES)]?.toString('utf8', offset, offset + bytes) ?? '';
  }
}
