// Positions of streams that are not on the disk yet: the newest of each stream, and of the newest streams only, for a disk that is
// full must not fill the memory. What is left out is a position too low, never one too high.
import type { StreamPosition } from '../streams.ts';

const STREAMS_MAX = 100_000;

export class MovedPositions {
  readonly #moved = new Map<string, StreamPosition>();

  get size(): number {
    return this.#moved.size;
  }

  find(source: string, stream: string): StreamPosition | undefined {
    return this.#moved.get(nameOf(source, stream));
  }

  add(positions: readonly StreamPosition[]): void {
    for (const position of positions) {
      const name = nameOf(position.source, position.stream);
      this.#moved.delete(name);
      this.#moved.set(name, position);
    }
    for (const name of this.#moved.keys()) {
      if (this.#moved.size <= STREAMS_MAX) return;
      this.#moved.delete(name);
    }
  }

  all(): readonly StreamPosition[] {
    return [...this.#moved.values()];
  }

  /** These are on the disk; one that has moved since stays. */
  saved(positions: readonly StreamPosition[]): void {
    for (const position of positions) {
      const name = nameOf(position.source, position.stream);
      if (this.#moved.get(name) === position) this.#moved.delete(name);
    }
  }
}

function nameOf(source: string, stream: string): string {
  return JSON.stringify([source, stream]);
}
