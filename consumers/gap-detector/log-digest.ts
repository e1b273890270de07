// What the audit remembers of one partition: a digest per bucket of 4,096 offsets, and the single hashes only of the bucket
// that is still being filled. Entries come in offset order. Pure.
import { BUCKET_OFFSETS, bucketOf } from './digest.ts';

export type Entry =
  /** A record whose payload could be read, by the first 6 bytes of its payload's hash and of that of its derived columns. */
  | { readonly kind: 'record'; readonly offset: bigint; readonly hash: number; readonly columns: number }
  /** Something else at an offset: a control record, aborted data, a record that does not decode. */
  | { readonly kind: 'other'; readonly offset: bigint };

export interface Digest {
  readonly lower: bigint;
  readonly upper: bigint;
  readonly records: number;
  readonly sum: bigint;
  /** The same sum over the derived columns. */
  readonly columns: bigint;
  /** True when every offset in the range is a readable record: only then can equal sums prove equality. */
  readonly plain: boolean;
}

export class LogDigest {
  readonly lower: bigint;
  readonly #closed: Digest[] = [];
  #headLower: bigint;
  #headUpper: bigint;
  readonly #head = new Head();
  #position: bigint;

  /** A digest of everything from `lower` on (inclusive). */
  constructor(lower: bigint) {
    this.lower = lower;
    this.#headLower = lower;
    this.#headUpper = (bucketOf(lower) + 1n) * BUCKET_OFFSETS;
    this.#position = lower;
  }

  /** The next offset to fold: all below it has been seen, or is a hole. */
  get position(): bigint {
    return this.#position;
  }

  /** Entries below the position are ignored: they were folded before (a rewind, a batch handed over again). */
  fold(entry: Entry): void {
    const { offset } = entry;
    if (offset < this.#position) return;
    this.#moveTo(offset);
    if (entry.kind === 'record') this.#head.set(offset, entry.hash, entry.columns);
    this.#position = offset + 1n;
  }

  /** Says that everything below the offset has been read, also where there was nothing. */
  reached(offset: bigint): void {
    if (offset <= this.#position) return;
    this.#moveTo(offset - 1n);
    this.#position = offset;
  }

  /**
   * Digests that tile [lower, upper as far as known): closed buckets entirely below `upper`, then the head up to it. A closed
   * bucket that `upper` falls into is left for later, so the last digest tells how far the answer reaches.
   */
  upTo(upper: bigint): readonly Digest[] {
    const digests = this.#closed.filter((digest) => digest.upper <= upper);
    const end = upper < this.#position ? upper : this.#position;
    if (end > this.#headLower) digests.push(this.#head.digest(this.#headLower, end));
    return digests;
  }

  #moveTo(offset: bigint): void {
    while (offset >= this.#headUpper) {
      this.#closed.push(this.#head.digest(this.#headLower, this.#headUpper));
      this.#head.clear();
      this.#headLower = this.#headUpper;
      this.#headUpper += BUCKET_OFFSETS;
    }
  }
}

const PLACES = Number(BUCKET_OFFSETS);
/** Halves of 6 bytes: a bucket of them, each times its place, stays a whole number below 2^48. */
const HALF = 2 ** 24;

/** The records of one bucket, by their places. */
class Head {
  readonly #isRecord = new Uint8Array(PLACES);
  readonly #hashes = new Float64Array(PLACES);
  readonly #columns = new Float64Array(PLACES);

  set(offset: bigint, hash: number, columns: number): void {
    const index = indexOf(offset);
    this.#isRecord[index] = 1;
    this.#hashes[index] = hash;
    this.#columns[index] = columns;
  }

  clear(): void {
    this.#isRecord.fill(0);
  }

  /** Of [lower, upper), which is not empty and lies in the bucket. */
  digest(lower: bigint, upper: bigint): Digest {
    let records = 0;
    const [hashes, columns] = [new Sum(), new Sum()];
    for (let index = indexOf(lower), last = indexOf(upper - 1n); index <= last; index += 1) {
      if (this.#isRecord[index] === 0) continue;
      records += 1;
      hashes.add(index + 1, this.#hashes[index] ?? 0);
      columns.add(index + 1, this.#columns[index] ?? 0);
    }
    const plain = BigInt(records) === upper - lower;
    return { lower, upper, records, sum: hashes.total, columns: columns.total, plain };
  }
}

/** In two halves, because that is exact and several times as fast as whole numbers without limit. */
class Sum {
  #high = 0;
  #low = 0;

  add(place: number, hash: number): void {
    const low = hash % HALF;
    this.#high += place * ((hash - low) / HALF);
    this.#low += place * low;
  }

  get total(): bigint {
    return BigInt(this.#high) * BigInt(HALF) + BigInt(this.#low);
  }
}

function indexOf(offset: bigint): number {
  return Number(offset % BUCKET_OFFSETS);
}
