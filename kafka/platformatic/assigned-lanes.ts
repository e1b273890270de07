// The partitions of one assignment: where the next fetch of each begins, and what was fetched but not handed over yet. One fetch
// may wait while the one before it is being handled, so that handler and network work at the same time and memory stays bounded
// at two fetches a partition. Pure: the clock is an argument.

import { laneOf } from '../group-knowledge.ts';
import type { Offset, TopicPartition } from '../log.ts';
import type { Fetched } from '../reading.ts';

export interface FetchedRange extends Fetched {
  /** From here to the first record the log has only control records and aborted data. */
  readonly first: Offset;
}

export interface Lane {
  readonly of: TopicPartition;
  /** Where the next fetch begins. */
  position: Offset;
  waiting: FetchedRange | undefined;
  isHandling: boolean;
  /** Not fetched before this time of the steady clock, after an error. */
  notBeforeMs: number;
  /** Grows when the position is moved: whoever handles what was fetched before then leaves it. */
  moves: number;
  /** When it was last handed over, as a number that only grows. */
  turn: number;
}

export class AssignedLanes {
  readonly #lanes: ReadonlyMap<string, Lane>;
  #turns = 0;

  constructor(positions: readonly { readonly of: TopicPartition; readonly position: Offset }[]) {
    const fresh = { waiting: undefined, isHandling: false, notBeforeMs: 0, moves: 0, turn: 0 };
    this.#lanes = new Map(positions.map(({ of, position }) => [laneOf(of), { of, position, ...fresh }]));
  }

  get all(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /**
   * What to ask for among these: first what had no turn for longest, because a broker fills an answer in the order of the question where
   * it does not remember an earlier one.
   */
  fetchable(among: readonly Lane[], nowMs: number): readonly Lane[] {
    return among
      .filter((lane) => lane.waiting === undefined && lane.notBeforeMs <= nowMs)
      .sort((a, b) => a.turn - b.turn);
  }

  /** Takes what has to be handed over next: each partition has its turn. */
  take(isHeld: (lane: Lane) => boolean): { readonly lane: Lane; readonly fetched: FetchedRange } | undefined {
    const [lane] = this.all
      .filter((one) => one.waiting !== undefined && !one.isHandling && !isHeld(one))
      .sort((a, b) => a.turn - b.turn);
    if (lane?.waiting === undefined) return undefined;
    const fetched = lane.waiting;
    this.#turns += 1;
    lane.turn = this.#turns;
    lane.waiting = undefined;
    return { lane, fetched };
  }

  /**
   * Goes on at an offset, at once: an error was one of where it was. What was fetched is dropped, and so is what a fetch that is on its way
   * will bring.
   */
  moveTo(of: TopicPartition, position: Offset): void {
    const lane = this.#lanes.get(laneOf(of));
    if (lane === undefined) return;
    lane.position = position;
    lane.waiting = undefined;
    lane.notBeforeMs = 0;
    lane.moves += 1;
  }
}
