// How far one receiver has come in the outgoing topic. Where nothing holds it up it is where this process reads (the tail), which
// costs nothing for the thousands that wait; only partitions on which it is behind, or ahead, are written down. Pure.

export type Vector = ReadonlyMap<number, bigint>;

const NOWHERE: Vector = new Map();

export class Cursor {
  // None of them is there before something is written down: three empty maps for each of thousands that wait are half a kilobyte.
  /** Partitions on which the receiver has not had everything below the tail: the next offset for it. */
  #behind: Map<number, bigint> | undefined;
  /** Partitions on which it has had more than this process has read: nothing below goes to it. */
  #ahead: Map<number, bigint> | undefined;
  #cuts: Map<number, number> | undefined;

  /** A partition that is in one of them alone was added since the other was written down: nothing of it was had, or read. */
  constructor(start: Vector, tail: Vector) {
    for (const partition of new Set([...tail.keys(), ...start.keys()])) {
      const next = start.get(partition) ?? 0n;
      const end = tail.get(partition) ?? 0n;
      if (next < end) this.#isBehind(partition, next);
      else if (next > end) (this.#ahead ??= new Map()).set(partition, next);
    }
  }

  get behind(): Vector {
    return this.#behind ?? NOWHERE;
  }

  isLive(partition: number): boolean {
    return this.#behind?.has(partition) !== true;
  }

  /** Whether the receiver has had this one already. */
  hasHad(partition: number, offset: bigint): boolean {
    const ahead = this.#ahead?.get(partition);
    if (ahead === undefined) return false;
    if (offset < ahead) return true;
    this.#ahead?.delete(partition);
    return false;
  }

  /** It did not take this one: the log keeps it. */
  fallBehind(partition: number, offset: bigint): void {
    if (this.#behind?.has(partition) !== true) this.#isBehind(partition, offset);
  }

  /** Has had everything below `next`, as far as it is behind at all: it stays behind, also at the tail. */
  advance(partition: number, next: bigint): void {
    const behind = this.#behind?.get(partition);
    if (behind !== undefined && next > behind) this.#isBehind(partition, next);
  }

  /** Read again up to here; where that is the tail it is live from now on. */
  caughtUp(partition: number, next: bigint, tail: Vector): void {
    if (next >= (tail.get(partition) ?? 0n)) this.#behind?.delete(partition);
    else this.#isBehind(partition, next);
  }

  /** The log was written anew from here on: nothing of it was had. */
  cut(partition: number, from: bigint): void {
    (this.#cuts ??= new Map()).set(partition, this.cuts(partition) + 1);
    if ((this.#behind?.get(partition) ?? 0n) > from) this.#isBehind(partition, from);
    if ((this.#ahead?.get(partition) ?? 0n) > from) this.#ahead?.delete(partition);
  }

  /** How often it was cut: whoever reads meanwhile reads what is no more. */
  cuts(partition: number): number {
    return this.#cuts?.get(partition) ?? 0;
  }

  /** The next offset for the receiver on every partition. */
  position(tail: Vector): Map<number, bigint> {
    const position = new Map(tail);
    // Ahead only as long as the tail has not come so far.
    for (const [partition, next] of this.#ahead ?? NOWHERE)
      if (next > (tail.get(partition) ?? 0n)) position.set(partition, next);
    for (const [partition, next] of this.behind) position.set(partition, next);
    return position;
  }

  #isBehind(partition: number, next: bigint): void {
    this.#behind ??= new Map();
    this.#behind.set(partition, next);
  }
}
