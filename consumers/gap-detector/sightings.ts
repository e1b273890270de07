// When numbers of a stream were received, as far as the log still tells: from which of them on nothing can have left it. Numbers are sent
// in order, and the gateway says of each jump which numbers it passed over (gap_open). So a number that was in no such gap was above
// all that had come before it, and those above it came later: if it came when nothing was received any more that has expired
// since, all from it on are still on the log or never were. Bounded, evenly spaced. Pure.
import { Intervals } from './intervals.ts';

interface Sighting {
  readonly number: number;
  readonly atMs: number;
  /** The first of a gap when it opened: nothing from it on had come. */
  readonly isOpening: boolean;
}

/** What the log has forgotten, and until when whatever it was can have been received. */
export interface Forgotten {
  /** By `topic-partition`; of partitions that begin at their first record there is no entry. */
  readonly starts: ReadonlyMap<string, bigint>;
  /** By a gateway's clock; infinity where no gateway says anything of it. */
  readonly untilMs: number;
}

const MARKS_MAX = 32;
const NEWEST_MAX = 6;
const NEWEST_APART_MS = 15_000;
/** The clocks of two gateways may be apart so far. */
export const APART_MS = 60_000;

export class Sightings {
  /** Passed over when they could have come: one of them that comes is late. */
  readonly #passed = new Intervals();
  /** The first one found in each partition, by `topic-partition`. */
  readonly #first = new Map<string, number>();
  #lowest: Sighting | undefined;
  /** A little apart: one of them is neither young nor old, however many came since. */
  readonly #newest: Sighting[] = [];
  #marks: Sighting[] = [];
  #count = 0;
  #stride = 1;
  /** The lowest number that was proved; what is proved stays so as long as the log forgets no more. */
  #proved = Number.POSITIVE_INFINITY;

  seen(number: number, atMs: number, partition: string): void {
    if (!this.#first.has(partition)) this.#first.set(partition, number);
    const sighting = { number, atMs, isOpening: false };
    if (atMs >= (this.#newest.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) + NEWEST_APART_MS) this.#newest.push(sighting);
    if (this.#newest.length > NEWEST_MAX) this.#newest.shift();
    this.#add(sighting);
  }

  opened(from: number, to: number, atMs: number): void {
    this.#passed.add(from, to + 1);
    this.#add({ number: from, atMs, isOpening: true });
  }

  /** These partitions have forgotten more. */
  moved(partitions: readonly string[]): void {
    this.#proved = Number.POSITIVE_INFINITY;
    for (const name of partitions) this.#first.delete(name);
  }

  /** The lowest number from which on all can be judged; infinity where there is none. `ripeMs`: up to then every gap was told. */
  judgedFrom({ starts, untilMs }: Forgotten, ripeMs: number): number {
    if (starts.size === 0) return 1;
    for (const one of this.#all) {
      if (one.number >= this.#proved) continue;
      const isAfter = one.atMs > untilMs + APART_MS && one.atMs <= ripeMs;
      if (isAfter && (one.isOpening || !this.#passed.has(one.number))) this.#proved = one.number;
    }
    return Math.min(this.#proved, this.#leftEverywhere(starts));
  }

  /**
   * Why nothing can be judged. `old`: all that is left was received when something was that has expired since. `blind`: some was received
   * later, and still nobody can say. Undefined while what came later is too young.
   */
  unjudgedAs({ untilMs }: Forgotten, ripeMs: number): 'old' | 'blind' | undefined {
    const after = this.#all.filter(({ atMs }) => !Number.isFinite(untilMs) || atMs > untilMs + APART_MS);
    if (after.length === 0) return 'old';
    return after.some(({ atMs }) => atMs <= ripeMs) ? 'blind' : undefined;
  }

  get #all(): readonly Sighting[] {
    return [...(this.#lowest === undefined ? [] : [this.#lowest]), ...this.#marks, ...this.#newest];
  }

  /** Where each partition that has forgotten something still has a number of the stream, what it has forgotten was below that. */
  #leftEverywhere(starts: ReadonlyMap<string, bigint>): number {
    let from = 1;
    for (const name of starts.keys()) {
      const first = this.#first.get(name);
      if (first === undefined || this.#passed.has(first)) return Number.POSITIVE_INFINITY;
      from = Math.max(from, first);
    }
    return from;
  }

  #add(sighting: Sighting): void {
    const { number, isOpening } = sighting;
    const lowest = this.#lowest?.number ?? Number.POSITIVE_INFINITY;
    if (number < lowest || (number === lowest && isOpening)) this.#lowest = sighting;
    if (this.#count % this.#stride === 0) this.#marks.push(sighting);
    this.#count += 1;
    if (this.#marks.length <= MARKS_MAX) return;
    this.#marks = this.#marks.filter((_one, index) => index % 2 === 0);
    this.#stride *= 2;
  }
}
