// The memory of a source that counts: the next number, and every event that nobody has acknowledged yet, so that it can be
// sent again. Pure. It keeps a bounded number of events; when it is full the source takes no new ones, so that nothing
// with a number is ever forgotten but by a fault.
//
//   number() ──► keep() ──► next(): waiting ──► on its way ──► acknowledge() ──► gone
//                              ▲ resume(), askedAgain()  │
//                              └─────────────────────────┘

export interface Kept<F> {
  readonly epoch: string;
  readonly seq: number;
  readonly frame: F;
}

interface Entry<F> extends Kept<F> {
  state: 'waiting' | 'on-its-way' | 'withheld';
  /** It has gone out by `next`, or was withheld: who has it then counts it. */
  isCounted: boolean;
}

export interface Range {
  /** Both inclusive, as the protocol has them. */
  readonly from: number;
  readonly to: number;
}

export class NumberedStream<F> {
  readonly stream: string;
  readonly #keptMax: number;
  #entries = new Map<number, Entry<F>>();
  /** Where `next` goes on looking: nothing before it waits. */
  #nextToSend = 1;
  #epoch: string;
  #lastSeq = 0;
  /** Numbers up to here have been used before, since the counter stepped back. */
  #usedUpTo = 0;
  #onTheirWay = 0;

  constructor({ stream, epoch, keptMax }: { stream: string; epoch: string; keptMax: number }) {
    this.stream = stream;
    this.#epoch = epoch;
    this.#keptMax = keptMax;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get kept(): number {
    return this.#entries.size;
  }

  get hasRoom(): boolean {
    return this.#entries.size < this.#keptMax;
  }

  /** The number of the next event, and whether it was given to another event before. */
  number(): { readonly seq: number; readonly isRepeated: boolean } {
    const seq = ++this.#lastSeq;
    return { seq, isRepeated: seq <= this.#usedUpTo };
  }

  /**
   * Keeps an event until it is acknowledged; a withheld one goes out only when somebody asks. Returns how many events of its number
   * are forgotten that never went out: one, where the counter has stepped back.
   */
  keep(seq: number, frame: F, { isWithheld }: { isWithheld: boolean }): number {
    const unsent = this.#entries.get(seq)?.isCounted === false ? 1 : 0;
    this.#remove(seq);
    const state = isWithheld ? 'withheld' : 'waiting';
    this.#entries.set(seq, { epoch: this.#epoch, seq, frame, state, isCounted: isWithheld });
    this.#nextToSend = Math.min(this.#nextToSend, seq);
    return unsent;
  }

  /** The events to send now so that no more than `window` are on their way, in order. */
  *next(window: number): Iterable<Kept<F>> {
    for (; this.#nextToSend <= this.#lastSeq && this.#onTheirWay < window; this.#nextToSend++) {
      const entry = this.#entries.get(this.#nextToSend);
      if (entry?.state !== 'waiting') continue;
      entry.state = 'on-its-way';
      entry.isCounted = true;
      this.#onTheirWay++;
      yield entry;
    }
  }

  /** Everything up to `upto` and those listed need not be kept any longer. Nothing of another epoch changes anything. */
  acknowledge(epoch: string, upto: number, at: readonly number[] = []): void {
    if (epoch !== this.#epoch) return;
    for (const seq of this.#entries.keys()) if (seq <= upto) this.#remove(seq);
    for (const seq of at) this.#remove(seq);
  }

  /** A new connection: the peer has everything up to `last`; all else goes out again, withheld events too. */
  resume(last: { readonly epoch: string; readonly seq: number } | undefined): void {
    if (last !== undefined) this.acknowledge(last.epoch, last.seq);
    for (const entry of this.#entries.values()) entry.state = 'waiting';
    this.#onTheirWay = 0;
    this.#nextToSend = 1;
  }

  /** The peer asks for a range again: what is kept goes out once more; the ranges that are gone are named. */
  askedAgain(epoch: string, { from, to }: Range): readonly Range[] {
    const last = epoch === this.#epoch ? Math.min(to, this.#lastSeq) : 0;
    for (let seq = from; seq <= last; seq++) this.again(seq);
    return this.#gone(from, to, epoch);
  }

  again(seq: number): void {
    const entry = this.#entries.get(seq);
    if (entry === undefined) return;
    if (entry.state === 'on-its-way') this.#onTheirWay--;
    entry.state = 'waiting';
    this.#nextToSend = Math.min(this.#nextToSend, seq);
  }

  againUpTo(upto: number): void {
    for (const seq of [...this.#entries.keys()]) if (seq <= upto) this.again(seq);
  }

  /** The counter is lost: what was kept is forgotten, and how much of it never went out. */
  begin(epoch: string): { readonly forgotten: number; readonly unsent: number } {
    const forgotten = this.#entries.size;
    const unsent = [...this.#entries.values()].filter(({ isCounted }) => !isCounted).length;
    this.#entries = new Map();
    this.#epoch = epoch;
    this.#lastSeq = 0;
    this.#usedUpTo = 0;
    this.#nextToSend = 1;
    this.#onTheirWay = 0;
    return { forgotten, unsent };
  }

  stepBack(by: number): void {
    this.#usedUpTo = Math.max(this.#usedUpTo, this.#lastSeq);
    this.#lastSeq = Math.max(0, this.#lastSeq - by);
    this.#nextToSend = Math.min(this.#nextToSend, this.#lastSeq + 1);
  }

  #remove(seq: number): void {
    if (this.#entries.get(seq)?.state === 'on-its-way') this.#onTheirWay--;
    this.#entries.delete(seq);
  }

  #gone(from: number, to: number, epoch: string): readonly Range[] {
    const isHere = (seq: number): boolean => epoch === this.#epoch && this.#entries.has(seq);
    const ranges: Range[] = [];
    let start: number | undefined;
    for (let seq = from; seq <= to + 1; seq++) {
      if (seq <= to && !isHere(seq)) start ??= seq;
      else if (start !== undefined) {
        ranges.push({ from: start, to: seq - 1 });
        start = undefined;
      }
    }
    return ranges;
  }
}
