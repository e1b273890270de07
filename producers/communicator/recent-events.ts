// The last events of one stream's epoch that were settled: what their bodies were and where they are on the log, by number, so
// that one that comes again is recognised and answered with its coordinates. A ring in typed arrays, small until it is used:
// it grows with the events that it holds, never with how far apart a peer puts their numbers. An object for each of them would
// make the garbage collector walk over hundreds of thousands, again and again, while frames wait. Pure.

export type Outcome =
  /** On pmc.messages.incoming. */
  | { readonly kind: 'logged'; readonly partition: number; readonly offset: number }
  /** Settled by being refused for good: kept on the topic of rejected frames. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }
  /** Left out on purpose, and counted. */
  | { readonly kind: 'sampled' }
  /** On no topic: the broker refused it and its rejection. Its peer must not be told that it is safe. */
  | { readonly kind: 'nowhere' };

export interface Remembered {
  readonly outcome: Outcome;
  readonly isSame: (sha256: string) => boolean;
}

/** Of a digest as much is kept as nobody finds another body for: so many numbers of 32 bits, each of eight hexadecimal digits. */
const DIGEST_NUMBERS = 4;
const NUMBER_DIGITS = 8;
const CAPACITY_FIRST = 64;
const CAPACITY_MAX = 16_384;
const EMPTY = -1;
/** In place of a partition: the outcome is another one. */
const NOT_LOGGED = -1;
/** Of all that have seen no event yet: empty arrays of their own would be a tenth of what an idle connection takes. */
const NO_NUMBERS = new Float64Array(0);
const NO_PARTITIONS = new Int32Array(0);
const NO_DIGESTS = new Int32Array(0);

export class RecentEvents {
  #capacity = 0;
  #held = 0;
  #seqs = NO_NUMBERS;
  #digests = NO_DIGESTS;
  #partitions = NO_PARTITIONS;
  #offsets = NO_NUMBERS;
  /** Outcomes that are no coordinates, by number; few, and mostly none. */
  #others: Map<number, Outcome> | undefined;

  /** Slots that memory is taken for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** `sha256` as hexadecimal text. */
  add(seq: number, sha256: string, outcome: Outcome): void {
    if (this.#mustGrow(seq)) this.#grow();
    const slot = seq % this.#capacity;
    const held = this.#seqs[slot] ?? EMPTY;
    // A late one does not displace a newer one of the same slot.
    if (held > seq) return;
    if (held === EMPTY) this.#held += 1;
    else this.#others?.delete(held);
    this.#seqs[slot] = seq;
    for (let index = 0; index < DIGEST_NUMBERS; index += 1) {
      this.#digests[slot * DIGEST_NUMBERS + index] = numberOf(sha256, index);
    }
    if (outcome.kind === 'logged') {
      this.#partitions[slot] = outcome.partition;
      this.#offsets[slot] = outcome.offset;
    } else {
      this.#partitions[slot] = NOT_LOGGED;
      this.#others ??= new Map();
      this.#others.set(seq, outcome);
    }
  }

  /** Undefined where it is forgotten. */
  find(seq: number): Remembered | undefined {
    if (this.#capacity === 0) return undefined;
    const slot = seq % this.#capacity;
    if (this.#seqs[slot] !== seq) return undefined;
    const digest = this.#digests.slice(slot * DIGEST_NUMBERS, (slot + 1) * DIGEST_NUMBERS);
    const isSame = (sha256: string): boolean => digest.every((number, index) => number === numberOf(sha256, index));
    return { outcome: this.#outcomeAt(slot), isSame };
  }

  /** Those above a number, ascending. */
  above(seq: number): readonly (readonly [number, Outcome])[] {
    const found: [number, Outcome][] = [];
    for (let slot = 0; slot < this.#capacity; slot += 1) {
      const held = this.#seqs[slot] ?? EMPTY;
      if (held > seq) found.push([held, this.#outcomeAt(slot)]);
    }
    return found.sort(([one], [other]) => one - other);
  }

  #outcomeAt(slot: number): Outcome {
    const [partition = NOT_LOGGED, offset = 0] = [this.#partitions[slot], this.#offsets[slot]];
    if (partition !== NOT_LOGGED) return { kind: 'logged', partition, offset };
    const other = this.#others?.get(this.#seqs[slot] ?? EMPTY);
    if (other === undefined) throw new Error(`slot ${slot} holds a number without an outcome`);
    return other;
  }

  /** Only when its slot is taken and half of all are: a few numbers far apart are not worth the memory. */
  #mustGrow(seq: number): boolean {
    if (this.#capacity === 0) return true;
    if (this.#capacity >= CAPACITY_MAX || this.#held * 2 < this.#capacity) return false;
    const held = this.#seqs[seq % this.#capacity] ?? EMPTY;
    return held !== EMPTY && held !== seq;
  }

  #grow(): void {
    const capacity = this.#capacity === 0 ? CAPACITY_FIRST : this.#capacity * 4;
    const seqs = new Float64Array(capacity).fill(EMPTY);
    const digests = new Int32Array(capacity * DIGEST_NUMBERS);
    const partitions = new Int32Array(capacity);
    const offsets = new Float64Array(capacity);
    // Two that had a slot each have one each in a ring whose size is a multiple.
    for (let slot = 0; slot < this.#capacity; slot += 1) {
      const seq = this.#seqs[slot] ?? EMPTY;
      if (seq === EMPTY) continue;
      const next = seq % capacity;
      seqs[next] = seq;
      const digest = this.#digests.subarray(slot * DIGEST_NUMBERS, (slot + 1) * DIGEST_NUMBERS);
      digests.set(digest, next * DIGEST_NUMBERS);
      partitions[next] = this.#partitions[slot] ?? NOT_LOGGED;
      offsets[next] = this.#offsets[slot] ?? 0;
    }
    this.#capacity = capacity;
    this.#seqs = seqs;
    this.#digests = digests;
    this.#partitions = partitions;
    this.#offsets = offsets;
  }
}

/** Of hexadecimal text in lower case, eight digits as a number of 32 bits. A call out of JavaScript to read them costs more than they do. */
function numberOf(hex: string, index: number): number {
  let number = 0;
  for (let at = index * NUMBER_DIGITS; at < (index + 1) * NUMBER_DIGITS; at += 1) {
    const unit = hex.charCodeAt(at);
    // '0' to '9' are 0x30 to 0x39, 'a' to 'f' 0x61 to 0x66.
    number = (number << 4) | ((unit & 0xf) + (unit >> 6) * 9);
  }
  return number;
}
