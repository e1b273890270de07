// How far one receiver has come in the outgoing topic. Where nothing holds it up it is where this process reads (the tail), which
// costs nothing for the thousands that wait; only partitions on which it is behind, or ahead, are written down. Pure.

export type Vector = ReadonlyMap<number, bigint>;

export class Cursor {
  /** Partitions on which the receiver has not had everything below the tail: the next offset for it. */
  readonly #behind = new Map<number, bigint>();
  /** Partitions on which it has had more than this process has read: nothing below goes to it. */
  readonly #ahead = new Map<number, bigint>();
  readonly #cuts = new Map<number, number>();

  /** A partition that is in one of them alone was added since the other was written down: nothing of it was had, or read. */
  constructor(start: Vector, tail: Vector) {
    for (const partition of new Set([...tail.keys(), ...start.keys()])) {
      const next = start.get(partition) ?? 0n;
      const end = tail.get(partition) ?? 0n;
      if (next < end) this.#behind.set(partition, next);
      else if (next > end) this.#ahead.set(partition, next);
    }
  }

  get behind(): Vector {
    return this.#behind;
  }

  isLive(partition: number): boolean {
    return !this.#behind.has(partition);
  }

  /** Whether the receiver has had this one already. */
  hasHad(partition: number, offset: bigint): boolean {
    const ahead = this.#ahead.get(partition);
    if (ahead === undefined) return false;
    if (offset < ahead) return true;
    this.#ahead.delete(partition);
    return false;
  }

  /** It did not take this one: the log keeps it. */
  fallBehind(partition: number, offset: bigint): void {
    if (!this.#behind.has(partition)) this.#behind.set(partition, offset);
  }

  /** Has had everything below `next`, as far as it is behind at all: it stays behind, also at the tail. */
  advance(partition: number, next: bigint): void {
    const behind = this.#behind.get(partition);
    if (behind !== undefined && next > behind) this.#behind.set(partition, next);
  }

  /** Read again up to here; where that is the tail it is live from now on. */
  caughtUp(partition: number, next: bigint, tail: Vector): void {
    if (next >= (tail.get(partition) ?? 0n)) this.#behind.delete(partition);
    else this.#behind.set(partition, next);
  }

  /** The log was written anew from here on: nothing of it was had. */
  cut(partition: number, from: bigint): void {
    this.#cuts.set(partition, this.cuts(partition) + 1);
    if ((this.#behind.get(partition) ?? 0n) > from) this.#behind.set(partition, from);
    if ((this.#ahead.get(partition) ?? 0n) > from) this.#ahead.delete(partition);
  }

  /** How often it was cut: whoever reads meanwhile reads what is no more. */
  cuts(partition: number): number {
    return this.#cuts.get(partition) ?? 0;
  }

  /** The next offset for the receiver on every partition. */
  position(tail: Vector): Map<number, bigint> {
    const position = new Map(tail);
    // Ahead only as long as the tail has not come so far.
    for (const [partition, next] of this.#ahead) if (next > (tail.get(partition) ?? 0n)) position.set(partition, next);
    for (const [partition, next] of this.#behind) position.set(partition, next);
    return position;
  }
}
