// What this process has handed out of each partition of the outgoing topic lately, so that it knows a log that was written anew: one
// that lost its end when a machine lost its power. The reader begins such a partition again where it begins, as it does in other
// cases; only another record at the same place tells that what was there is gone.
import { crc32 } from 'node:zlib';
import type { LogRecord } from '../../kafka/log.ts';
import type { Vector } from './cursor.ts';

/** Of each partition. More than that is not lost with what a machine had not written yet. */
const REMEMBERED_MAX = 2_000n;

interface Rewritten {
  readonly from: bigint;
  /** Where it ended before. */
  readonly until: bigint;
}

export class HandedOut {
  readonly #records = new Map<number, Map<bigint, string>>();
  readonly #rewritten = new Map<number, Rewritten>();
  /** Sources whose position is kept here and was taken back since: what it is now is of after. */
  readonly #backed = new Set<string>();

  note(record: LogRecord): void {
    const { partition, offset } = record;
    const places = this.#records.get(partition) ?? new Map<bigint, string>();
    this.#records.set(partition, places.set(offset % REMEMBERED_MAX, identityOf(record)));
  }

  /** Whether another record was handed out from its place. */
  isAnother(record: LogRecord): boolean {
    const known = this.#records.get(record.partition)?.get(record.offset % REMEMBERED_MAX);
    if (known === undefined) return false;
    const identity = identityOf(record);
    return known !== identity && known.startsWith(`${record.offset}/`);
  }

  rewritten(partition: number, from: bigint, until: bigint): void {
    const before = this.#rewritten.get(partition);
    this.#backed.clear();
    const isLower = before !== undefined && before.from < from;
    const isHigher = before !== undefined && before.until > until;
    this.#rewritten.set(partition, { from: isLower ? before.from : from, until: isHigher ? before.until : until });
  }

  /**
   * Positions that may be of before go back to where it was written anew: what comes twice is better than what does not come. That of a source
   * which is kept here does so once.
   */
  takenBack(position: Vector, keptOf?: string): Vector {
    if (keptOf !== undefined && this.#backed.has(keptOf)) return position;
    if (keptOf !== undefined && this.#rewritten.size > 0) this.#backed.add(keptOf);
    const back = new Map(position);
    for (const [partition, { from, until }] of this.#rewritten) {
      const next = position.get(partition);
      if (next !== undefined && next > from && next <= until) back.set(partition, from);
    }
    return back;
  }
}

function identityOf({ offset, timestampMs, value }: LogRecord): string {
  return `${offset}/${timestampMs}/${value === null ? 'null' : crc32(value)}`;
}
