// Which line of the input an event was made of, so that what is said of the event can name the line. Pure.

/** An answer to an older one is named by the event's id. */
const LINES_MAX = 10_000;
const SHOWN_MAX = 40;

export class SentLines {
  readonly #names = new Map<string, string>();

  add(id: string, number: number, line: string): void {
    const characters = Array.from(line.trim());
    const shown = characters.length > SHOWN_MAX ? `${characters.slice(0, SHOWN_MAX).join('')}…` : characters.join('');
    this.#names.set(id, `line ${number} (${shown})`);
    const [oldest] = this.#names.keys();
    if (this.#names.size > LINES_MAX && oldest !== undefined) this.#names.delete(oldest);
  }

  /** Undefined where it was made of no line of this run, or of one long ago. */
  find(id: string): string | undefined {
    return this.#names.get(id);
  }

  nameOf(id: string): string {
    return this.find(id) ?? `event ${id}`;
  }
}
