// Reads the partitions of one assignment, from the join to the loss: finds out where each goes on, has them fetched, and hands over
// what came. Batches of one partition are handed over one after the other; those of several may be in hand at the same time, so
// that a slow one does not hold up the rest. What a handler throws back is handed over again, ever more slowly, for ever.
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { Offset, TopicPartition } from '../log.ts';
import type { Assignment, Reading } from '../reading.ts';
import { AssignedLanes, type FetchedRange, type Lane } from './assigned-lanes.ts';
import type { Fetching } from './fetching.ts';
import type { GroupCommits } from './group-commits.ts';

const HANDLING_MAX = 3;
/** A handler that takes longer no longer counts: it holds up its own partition, not the others. */
const SLOW_MS = 1_000;
const BEGIN_BACKOFF = { initialMs: 250, maxMs: 5_000 };
const HANDLER_BACKOFF = { initialMs: 200, maxMs: 5_000 };

export interface AssignedReadingOptions {
  readonly reading: Reading;
  readonly assignment: Assignment;
  readonly fetching: Pick<Fetching, 'run' | 'wake'>;
  readonly commits: Pick<GroupCommits, 'commit'>;
  readonly logger: Logger;
}

export class AssignedReading {
  readonly #options: AssignedReadingOptions;
  readonly #inHand = new Set<Promise<void>>();
  /** Those of them that count towards the limit. */
  readonly #handling = new Set<Promise<void>>();
  readonly #isHeld: (lane: Lane) => boolean;
  #lanes = new AssignedLanes([]);

  constructor(options: AssignedReadingOptions) {
    this.#options = options;
    this.#isHeld = ({ of }) => options.reading.isPaused(of);
  }

  /** Resolves when the assignment is lost and nothing of it is in hand. */
  async run(): Promise<void> {
    const { reading, assignment, fetching } = this.#options;
    const { signal } = assignment.lost;
    const incarnations = await this.#begin(signal);
    if (incarnations === undefined) return;
    await fetching.run({
      lanes: this.#lanes,
      incarnations,
      signal,
      isHeld: this.#isHeld,
      onFetched: (lane, fetched) => {
        lane.waiting = fetched;
        this.wake();
      },
      onShortened: ({ of }, begin) => reading.shortened(assignment, of, begin),
      onRecreated: (topic, before, now) => reading.recreated(topic, before, now),
    });
    await Promise.all(this.#inHand);
  }

  /** Drops what was fetched: the reading has been told where to go on. */
  seek(to: TopicPartition, offset: Offset): void {
    this.#lanes.moveTo(to, offset);
    this.wake();
  }

  /** Hands over what waits, as far as there is room, and has more fetched. */
  wake(): void {
    const { fetching, assignment } = this.#options;
    while (this.#handling.size < HANDLING_MAX && !assignment.lost.signal.aborted) {
      const taken = this.#lanes.take(this.#isHeld);
      if (taken === undefined) break;
      const uncount = (): void => {
        if (this.#handling.delete(handled)) this.wake();
      };
      const slow = setTimeout(uncount, SLOW_MS);
      const handled = this.#hand(taken.lane, taken.fetched).finally(() => {
        clearTimeout(slow);
        this.#inHand.delete(handled);
        this.#handling.delete(handled);
        this.wake();
      });
      this.#inHand.add(handled);
      this.#handling.add(handled);
    }
    fetching.wake();
  }

  async #begin(signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined> {
    const { reading, assignment, logger } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const positions = await Promise.all(
          // A partition that the group has never committed is read from its beginning: where that is later, a broker says so.
          assignment.partitions.map(async (of) => ({ of, position: (await reading.position(assignment, of)) ?? 0n })),
        );
        const { incarnations } = await assignment.known;
        this.#lanes = new AssignedLanes(positions);
        // What was sought while the others were being asked for.
        for (const { to, offset } of reading.sought) this.#lanes.moveTo(to, offset);
        return incarnations;
      } catch (error) {
        logger.warn({ error: describeError(error), attempt }, 'kafka.reader.position.unknown');
        await pause(backoffMs(attempt, BEGIN_BACKOFF), signal);
      }
    }
    return undefined;
  }

  async #hand(lane: Lane, fetched: FetchedRange): Promise<void> {
    const { reading, assignment, logger } = this.#options;
    const { signal } = assignment.lost;
    const { moves, of } = lane;
    const isOver = (): boolean => signal.aborted || lane.moves !== moves;
    lane.isHandling = true;
    try {
      for (let attempt = 1; !isOver() && !reading.isPaused(of); attempt += 1) {
        try {
          await this.#handOnce(of, fetched, isOver);
          break;
        } catch (error) {
          const { topic, partition } = of;
          const stack = error instanceof Error ? error.stack : undefined;
          logger.error({ topic, partition, error: describeError(error), stack }, 'kafka.reader.batch.failed');
          await pause(backoffMs(attempt, HANDLER_BACKOFF), signal);
        }
      }
      if (isOver()) return;
      // Paused between two slices or by a handler that failed: the rest is fetched again when it is resumed.
      const position = (await reading.position(assignment, of)) ?? fetched.first;
      if (position !== fetched.next && !isOver()) this.#lanes.moveTo(of, position);
    } finally {
      lane.isHandling = false;
    }
  }

  /** Hands over what is not committed yet. */
  async #handOnce(of: TopicPartition, fetched: FetchedRange, isOver: () => boolean): Promise<void> {
    const { reading, assignment, commits } = this.#options;
    const expected = (await reading.position(assignment, of)) ?? fetched.first;
    if (isOver()) return;
    const from = fetched.records.findIndex(({ offset }) => offset >= expected);
    const records = from < 0 ? [] : fetched.records.slice(from);
    const first = expected > fetched.first ? expected : fetched.first;
    const commit = (next: Offset): Promise<boolean> => commits.commit(of, next);
    await reading.handle(assignment, { ...fetched, records, first }, commit, assignment.lost.signal);
  }
}
