// What the audit remembers of one partition: a digest per bucket of 4,096 offsets, and the single hashes only of the bucket
// that is still being filled. Entries come in offset order. Pure.
import { BUCKET_OFFSETS, bucketOf } from './digest.ts';

export type Entry =
  /** A record whose payload could be read; `hash` is its record hash, `columns` that of its derived columns. */
  | { readonly kind: 'record'; readonly offset: bigint; readonly hash: bigint; readonly columns: bigint }
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
  #head: Entry[] = [];
  #position: bigint;

  /** A digest of everything from `lower` on (inclusive). */
  constructor(lower: bigint) {
    this.lower = lower;
    this.#headLower = lower;
    this.#position = lower;
  }

  /** The next offset to fold: all below it has been seen, or is a hole. */
  get position(): bigint {
    return this.#position;
  }

  /** Entries below the position are ignored: they were folded before (a rewind, a batch handed over again). */
  fold(entry: Entry): void {
    if (entry.offset < this.#position) return;
    this.#moveTo(entry.offset);
    this.#head.push(entry);
    this.#position = entry.offset + 1n;
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
    if (end > this.#headLower)
      digests.push(
        digestOf(
          this.#head.filter(({ offset }) => offset < end),
          this.#headLower,
          end,
        ),
      );
    return digests;
  }

  #moveTo(offset: bigint): void {
    while (bucketOf(offset) > bucketOf(this.#headLower)) {
      const upper = (bucketOf(this.#headLower) + 1n) * BUCKET_OFFSETS;
      this.#closed.push(digestOf(this.#head, this.#headLower, upper));
      this.#head = [];
      this.#headLower = upper;
    }
  }
}

function digestOf(entries: readonly Entry[], lower: bigint, upper: bigint): Digest {
  let sum = 0n;
  let columns = 0n;
  let records = 0;
  for (const entry of entries) {
    if (entry.kind !== 'record') continue;
    sum += entry.hash;
    columns += entry.columns;
    records += 1;
  }
  return { lower, upper, records, sum, columns, plain: BigInt(records) === upper - lower };
}
