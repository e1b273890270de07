// What dispatches go to, and how (downward.ts).
import type { Dispatch } from '../../schemas/generated.ts';
import type { Position } from '../../schemas/protocol/frames.ts';
import type { Vector } from './cursor.ts';

export interface Delivery {
  readonly dispatch: Dispatch;
  readonly logEpoch: string;
  readonly position: () => Position;
}

/** Who takes dispatches of one source over one connection. */
export interface Receiver {
  readonly canTake: boolean;
  /** Whether its socket took it; false when the connection is over. */
  readonly deliver: (delivery: Delivery) => boolean | Promise<boolean>;
  /** How far it has them for certain, of what its socket took; left out where the peer says so itself. */
  readonly arrived?: (taken: Vector) => Vector;
  /** The log lost its end: from there on it has other records, and nothing of them has arrived. */
  readonly cut?: (partition: number, from: bigint) => void;
}
