// The account of one gateway epoch: every frame gets the next ingestSeq at receipt and is settled once, in any order. Pure.
// `settledUpTo` is the number below and at which nothing is open: what a progress checkpoint may claim.
export interface SettledRange {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  readonly reason: string;
}

const CAPACITY_FIRST = 1_024;

export class Settlement {
  #received = 0;
  #settledUpTo = 0;
  /** Of each number above `settledUpTo` whether it is settled, by its remainder: a ring with room for all of them. */
  #isSettled = new Uint8Array(CAPACITY_FIRST);
  /** Settled above `settledUpTo`. */
  #ahead = 0;
  readonly #elsewhere: SettledRange[] = [];

  /** The highest number given out. */
  get received(): number {
    return this.#received;
  }

  get settledUpTo(): number {
    return this.#settledUpTo;
  }

  get inFlight(): number {
    return this.#received - this.#settledUpTo - this.#ahead;
  }

  next(): number {
    if (this.#received - this.#settledUpTo >= this.#isSettled.length) this.#grow();
    this.#received += 1;
    return this.#received;
  }

  settle(ingestSeq: number): void {
    if (ingestSeq <= this.#settledUpTo || ingestSeq > this.#received || this.#has(ingestSeq)) {
      throw new Error(
        `ingestSeq ${ingestSeq} is not open (settled up to ${this.#settledUpTo}, received ${this.#received})`,
      );
    }
    this.#isSettled[ingestSeq % this.#isSettled.length] = 1;
    this.#ahead += 1;
    while (this.#has(this.#settledUpTo + 1)) {
      this.#settledUpTo += 1;
      this.#isSettled[this.#settledUpTo % this.#isSettled.length] = 0;
      this.#ahead -= 1;
    }
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

  #has(ingestSeq: number): boolean {
    return this.#isSettled[ingestSeq % this.#isSettled.length] === 1;
  }

  #grow(): void {
    const grown = new Uint8Array(this.#isSettled.length * 2);
    for (let seq = this.#settledUpTo + 1; seq <= this.#received; seq += 1) {
      grown[seq % grown.length] = this.#isSettled[seq % this.#isSettled.length] as number;
    }
    this.#isSettled = grown;
  }
}
