// The rows that were found for the frames of a ledger, in a few bytes each. Pure. A row is taken when it comes and not kept: what
// stays is how many there were of each frame, and where the first one lies.

import type { ExportedRow } from './exported-row.ts';
import { Names } from './names.ts';

export class StoredRows {
  readonly #count: Uint32Array;
  readonly #partition: Uint32Array;
  readonly #offset: Float64Array;
  readonly #isFlagged: Uint8Array;
  readonly #partitions = new Names();

  /** For frames numbered from 0 to `groups` - 1. */
  constructor(groups: number) {
    this.#count = new Uint32Array(groups);
    this.#partition = new Uint32Array(groups);
    this.#offset = new Float64Array(groups);
    this.#isFlagged = new Uint8Array(groups);
  }

  /** Which row of this frame it is, from 1. */
  add(group: number, { partition, offset, flags }: ExportedRow): number {
    const count = (this.#count[group] ?? 0) + 1;
    this.#count[group] = count;
    if (flags.includes('conflict')) this.#isFlagged[group] = 1;
    if (count === 1) {
      this.#partition[group] = this.#partitions.number(partition);
      this.#offset[group] = offset;
    }
    return count;
  }

  of(group: number): number {
    return this.#count[group] ?? 0;
  }

  /** Whether a row of it carries the flag `conflict`. */
  isFlagged(group: number): boolean {
    return this.#isFlagged[group] === 1;
  }

  /** Of the first row: its partition by a number, and its offset there. */
  placeOf(group: number): { readonly partition: number; readonly offset: number } {
    return { partition: this.#partition[group] ?? 0, offset: this.#offset[group] ?? 0 };
  }
}
