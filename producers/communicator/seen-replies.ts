// Where each reply id was seen first on the outgoing topic: the same id elsewhere is the same reply once more.
const REMEMBERED_MAX = 10_000;

export interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

export class SeenReplies {
  /** Oldest first. */
  readonly #places = new Map<string, Place>();

  isElsewhere(replyId: string, { partition, offset }: Place): boolean {
    const first = this.#places.get(replyId);
    return first !== undefined && (first.partition !== partition || first.offset !== offset);
  }

  note(replyId: string, place: Place): void {
    if (this.#places.has(replyId)) return;
    this.#places.set(replyId, place);
    const [oldest] = this.#places.keys();
    if (this.#places.size > REMEMBERED_MAX && oldest !== undefined) this.#places.delete(oldest);
  }

  /** The log ended there, and these are on it no more. */
  forget({ partition, offset }: Place): void {
    for (const [replyId, place] of this.#places) {
      if (place.partition === partition && place.offset >= offset) this.#places.delete(replyId);
    }
  }
}
