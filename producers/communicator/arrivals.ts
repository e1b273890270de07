// How far a source that says nothing about its replies has them for certain. That its socket took one is no more than the kernel's word,
// which also a broken network gets. So its position waits for the pong to a ping that went out behind them: one for all that went
// before it, not one each. Pure.
import type { Vector } from './cursor.ts';

/** Told from the heartbeat's pings, whose pongs bring nothing, and from pongs that nobody asked for. */
const MARK = /^replies:(\d{1,15})$/;

export class Arrivals {
  /** Replies that the socket was given, and how many of these have arrived. */
  #given = 0;
  #arrived = 0;
  #position: Vector | undefined;
  /** Where the source is once as many have arrived. */
  #next: { readonly given: number; readonly position: Vector } | undefined;

  /** Replies of which nobody knows whether they have arrived. */
  get open(): number {
    return this.#given - this.#arrived;
  }

  /** What a ping brings that goes out now, and its pong brings back. */
  get mark(): string {
    return `replies:${this.#given}`;
  }

  gives(): void {
    this.#given += 1;
  }

  /** The position up to which all has arrived; `taken` is the one up to which the socket took all. To be asked before anything is given. */
  position(taken: Vector): Vector {
    if (this.#position === undefined || this.open === 0) this.#position = taken;
    else this.#next ??= { given: this.#given, position: taken };
    return this.#position;
  }

  /** From there on the log has other records: those before were given, these have not arrived. */
  cut(partition: number, from: bigint): void {
    const at = this.#position?.get(partition);
    if (at !== undefined && at > from) this.#position = new Map(this.#position).set(partition, from);
    this.#next = undefined;
  }

  ponged(text: string): void {
    const arrived = Number(MARK.exec(text)?.[1] ?? Number.NaN);
    // Also of an older ping than the last one: pongs that come too late say nothing new.
    if (!(arrived > this.#arrived && arrived <= this.#given)) return;
    this.#arrived = arrived;
    if (this.#next === undefined || this.#next.given > arrived) return;
    this.#position = this.#next.position;
    this.#next = undefined;
  }
}
