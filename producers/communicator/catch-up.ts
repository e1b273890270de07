// Reads again from the log what a receiver did not take when it came by: one partition after the other, until the receiver is live,
// can take no more or is gone. A partition that cannot be read rests, ever longer, and holds up no other. Of peers that come back by
// the thousand only a few are read for at once.
import type { RangeReader } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { Cursor, Vector } from './cursor.ts';
import type { OutgoingDecoder } from './outgoing-decoder.ts';
import type { OutgoingEnds } from './outgoing-ends.ts';

/** One that is behind. */
export interface Follower {
  readonly source: string;
  readonly cursor: Cursor;
  /** Never waits for its turn: the few whose socket is waited for, so that their slowness costs nobody else. */
  readonly hasOwnReader: boolean;
  readonly signal: AbortSignal;
  readonly canTake: boolean;
}

export interface CatchUpOptions<One extends Follower> {
  readonly range: RangeReader;
  readonly decode: OutgoingDecoder;
  /** How far this process has read. */
  readonly tail: Vector;
  readonly ends: OutgoingEnds;
  readonly logger: Logger;
  /** Whether it took this one. */
  readonly offer: (one: One, partition: number, offset: bigint, dispatch: Dispatch) => boolean | Promise<boolean>;
}

const READERS_MAX = 8;
const READ_RECORDS = 2_000n;
const READ_AGAIN = { initialMs: 250, maxMs: 5_000 };

interface Trouble {
  attempts: number;
  isResting: boolean;
}

export class CatchUp<One extends Follower> {
  readonly #options: CatchUpOptions<One>;
  readonly #reading = new Set<One>();
  /** Of each the partitions that could not be read when they were last asked. */
  readonly #troubled = new WeakMap<One, Map<number, Trouble>>();
  readonly #waiting: (() => void)[] = [];
  #readers = 0;

  constructor(options: CatchUpOptions<One>) {
    this.#options = options;
  }

  /** Does nothing for one that is read for already. */
  follow(one: One): void {
    if (!this.#reading.has(one) && one.cursor.behind.size > 0 && one.canTake) void this.#read(one);
  }

  async #read(one: One): Promise<void> {
    const troubled = this.#troubled.get(one) ?? new Map<number, Trouble>();
    this.#troubled.set(one, troubled);
    this.#reading.add(one);
    while (one.canTake) {
      const partition = [...one.cursor.behind.keys()].find((behind) => troubled.get(behind)?.isResting !== true);
      if (partition === undefined) break;
      try {
        if (!(await this.#inTurn(one, () => this.#readPartition(one, partition)))) break;
        troubled.delete(partition);
      } catch (error) {
        if (one.signal.aborted) break;
        if (await this.#hasExpired(one, partition)) continue;
        const trouble = { attempts: (troubled.get(partition)?.attempts ?? 0) + 1, isResting: true };
        troubled.set(partition, trouble);
        void this.#rest(one, partition, trouble, error);
      }
    }
    this.#reading.delete(one);
  }

  async #rest(one: One, partition: number, trouble: Trouble, error: unknown): Promise<void> {
    const { source, signal } = one;
    const { attempts } = trouble;
    const what = { source, partition, attempt: attempts, error: describeError(error) };
    this.#options.logger.warn(what, 'communicator.outgoing.unreadable');
    await pause(backoffMs(attempts, READ_AGAIN), signal);
    trouble.isResting = false;
    this.follow(one);
  }

  /** Whether it took all that was read for it. */
  async #readPartition(one: One, partition: number): Promise<boolean> {
    const { range, decode, tail, offer } = this.#options;
    const { source, cursor, signal } = one;
    const from = cursor.behind.get(partition);
    // Its turn came late: nobody else moves it on this partition from here on.
    if (from === undefined || !one.canTake) return one.canTake;
    const end = tail.get(partition) ?? 0n;
    const cuts = cursor.cuts(partition);
    const isCut = (): boolean => cursor.cuts(partition) !== cuts;
    const upper = end - from > READ_RECORDS ? from + READ_RECORDS : end;
    for await (const entries of range.read({ topic: TOPIC.outgoing, partition }, from, upper, signal)) {
      for (const entry of entries) {
        if (entry.kind !== 'record') continue;
        const { offset } = entry.record;
        const dispatch = await decode(entry.record);
        if (isCut()) return true;
        if (dispatch?.source !== source) continue;
        cursor.advance(partition, offset);
        const isTaken = await offer(one, partition, offset, dispatch);
        if (!isTaken || isCut()) return isTaken;
        cursor.advance(partition, offset + 1n);
      }
    }
    if (!isCut()) cursor.caughtUp(partition, upper, tail);
    return true;
  }

  /** Whether the log let go of what was to be read. */
  async #hasExpired({ source, cursor }: Follower, partition: number): Promise<boolean> {
    const known = await this.#options.ends([partition]).catch(() => undefined);
    const first = known?.get(partition)?.logStart ?? 0n;
    const next = cursor.behind.get(partition);
    if (next === undefined || next >= first) return false;
    const lost = { source, partition, from: String(next), to: String(first) };
    this.#options.logger.error(lost, 'communicator.outgoing.expired');
    cursor.advance(partition, first);
    return true;
  }

  async #inTurn<T>(one: One, read: () => Promise<T>): Promise<T> {
    if (one.hasOwnReader) return await read();
    if (this.#readers < READERS_MAX) this.#readers += 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await read();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#readers -= 1;
      else next();
    }
  }
}
