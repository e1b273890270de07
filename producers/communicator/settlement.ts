// The account of one gateway epoch: every frame gets the next ingestSeq at receipt and is settled once, in any order. Pure.
// `settledUpTo` is the number below and at which nothing is open: what a progress checkpoint may claim.
import { OpenNumbers } from './open-numbers.ts';

export interface SettledRange {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  readonly reason: string;
}

export class Settlement {
  readonly #numbers = new OpenNumbers();
  readonly #elsewhere: SettledRange[] = [];

  /** The highest number given out. */
  get received(): number {
    return this.#numbers.given;
  }

  get settledUpTo(): number {
    return this.#numbers.settledUpTo;
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
    const last = this.#elsewhere.at(-1);
    if (last !== undefined && last.reason === reason && last.to === ingestSeq - 1) {
      this.#elsewhere[this.#elsewhere.length - 1] = { ...last, to: ingestSeq };
    } else this.#elsewhere.push({ from: ingestSeq, to: ingestSeq, reason });
  }

  /** The ranges settled elsewhere since the last call; they go into exactly one checkpoint. */
  takeElsewhere(): readonly SettledRange[] {
    return this.#elsewhere.splice(0);
  }

  /** Takes back ranges whose checkpoint the log refused: the next one carries them. */
  putBackElsewhere(ranges: readonly SettledRange[]): void {
    this.#elsewhere.unshift(...ranges);
  }
}
