// The account of one gateway epoch: every frame gets the next ingestSeq at receipt and is settled once, in any order. Pure.
// `settledUpTo` is the number below and at which nothing is open: what a progress checkpoint may claim.
import type { SettledRange } from '../../schemas/generated.ts';
import { OpenNumbers } from './open-numbers.ts';

export class Settlement {
  readonly #numbers = new OpenNumbers();
  readonly #elsewhere: SettledRange[] = [];
  /** Taken for a checkpoint that the log has not answered for yet. */
  #telling: readonly SettledRange[] = [];
  #untoldFrom = Number.POSITIVE_INFINITY;

  /** The highest number given out. */
  get received(): number {
    return this.#numbers.given;
  }

  get settledUpTo(): number {
    return this.#numbers.settledUpTo;
  }

  /** Every number up to this one is on the log, or named in a checkpoint that is. */
  get toldUpTo(): number {
    return Math.min(this.settledUpTo, this.#untoldFrom - 1);
  }

  /** What is settled elsewhere and in no checkpoint that is on the log. */
  get untold(): readonly SettledRange[] {
    return [...this.#telling, ...this.#elsewhere];
  }

  get inFlight(): number {
    return this.#numbers.size;
  }

  next(): number {
    return this.#numbers.next();
  }

  settle(ingestSeq: number): void {
    if (this.#numbers.settle(ingestSeq)) return;
    throw new Error(
      `ingestSeq ${ingestSeq} is not open (settled up to ${this.settledUpTo}, received ${this.received})`,
    );
  }

  /** Settles a frame that is in no topic, with the reason that the audit will read. */
  settleElsewhere(ingestSeq: number, reason: string): void {
    this.settle(ingestSeq);
    this.#untoldFrom = Math.min(this.#untoldFrom, ingestSeq);
    const last = this.#elsewhere.at(-1);
    if (last !== undefined && last.reason === reason && last.to === ingestSeq - 1) {
      this.#elsewhere[this.#elsewhere.length - 1] = { ...last, to: ingestSeq };
    } else this.#elsewhere.push({ from: ingestSeq, to: ingestSeq, reason });
  }

  /** How many ranges wait for a checkpoint to take them. */
  get untaken(): number {
    return this.#elsewhere.length;
  }

  /** The oldest ranges that no checkpoint has taken, so many at most: one checkpoint at a time is on its way to the log. */
  takeElsewhere(max = Number.POSITIVE_INFINITY): readonly SettledRange[] {
    this.#telling = this.#elsewhere.splice(0, max);
    return this.#telling;
  }

  /** The log has the checkpoint with what was taken. */
  toldElsewhere(): void {
    this.#telling = [];
    this.#untoldFrom = this.#elsewhere.reduce((lowest, { from }) => Math.min(lowest, from), Number.POSITIVE_INFINITY);
  }

  /** The log refused it: the next one carries them. */
  putBackElsewhere(): void {
    this.#elsewhere.unshift(...this.#telling);
    this.#telling = [];
  }
}
