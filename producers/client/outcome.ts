// What becomes of an event that a client sends, and the parts of the protocol that say so. Types only; pure.
import type { Coordinates } from '../../schemas/protocol/frames.ts';

export interface LogCoordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface Named {
  /** Of this client's life, for whoever waits; a new epoch changes the number, never the ticket. */
  readonly ticket: number;
  readonly seq: number;
  readonly id: string;
}

export type Outcome = Named &
  (
    | {
        readonly ok: true;
        /** Unknown when only the number that covers it was heard of, e.g. after a reconnect. */
        readonly at: LogCoordinates | undefined;
        /** It had come before. */
        readonly isDuplicate: boolean;
      }
    | { readonly ok: false; readonly code: number; readonly reason: string }
  );

export type Settlement =
  | Pick<Extract<Outcome, { ok: true }>, 'ok' | 'at' | 'isDuplicate'>
  | Pick<Extract<Outcome, { ok: false }>, 'ok' | 'code' | 'reason'>;

export interface SeqRange {
  /** Both inclusive, as the protocol has them. */
  readonly from: number;
  readonly to: number;
}

export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** What may be on its way at once. */
export interface SendWindow {
  readonly window: number;
  readonly windowBytes: number;
}

export interface Acknowledged {
  readonly epoch: string;
  readonly upto: number;
  readonly at: readonly Coordinates[];
  readonly dup: readonly (number | string)[];
}
