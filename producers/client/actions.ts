// What the state of a client wants done, and what it wants people to know. Types only; pure.
import type { PmcError } from '../../service/errors.ts';
import type { Dispatch, InboxMarks } from './inbox.ts';
import type { Outcome } from './outcome.ts';
import type { Changes } from './store.ts';

/** What happened that costs nobody an event, or that the user has to know. */
export type Notice =
  | { readonly notice: 'connected'; readonly session: string; readonly epoch: string }
  | { readonly notice: 'disconnected'; readonly code: number; readonly reason: string; readonly againInMs: number }
  | { readonly notice: 'draining'; readonly reconnectMs: number }
  /** The gateway complains, or refuses for a while. */
  | {
      readonly notice: 'gateway-error';
      readonly code: number;
      readonly reason: string;
      readonly isTemporary: boolean;
      /** The event that it is about, if it is about one that is not settled. */
      readonly id: string | undefined;
    }
  /** An event is on the log, and something about it is odd. */
  | {
      readonly notice: 'warning';
      readonly id: string | undefined;
      readonly code: number;
      readonly reason: string;
    }
  /** Dispatches between the kept position and this one were not delivered and will not be. */
  | { readonly notice: 'position-lost'; readonly reason: string }
  | { readonly notice: 'epoch-begun'; readonly epoch: string; readonly why: string }
  /** The gateway asked for numbers that are not kept any more. */
  | { readonly notice: 'unavailable'; readonly from: number; readonly to: number }
  /** Dispatches come faster than they are handled; the connection is made anew when they are. */
  | { readonly notice: 'handling-behind' }
  /** The handler threw; the dispatch is handed out again. */
  | { readonly notice: 'handling-failed'; readonly error: unknown; readonly againInMs: number }
  | { readonly notice: 'ignored-frame'; readonly reason: string };

export type Action =
  | { readonly do: 'dial' }
  | { readonly do: 'say'; readonly text: string }
  | { readonly do: 'hang-up'; readonly code: number; readonly reason: string }
  | { readonly do: 'tell'; readonly outcome: Outcome }
  | { readonly do: 'hand'; readonly dispatch: Dispatch }
  | { readonly do: 'notice'; readonly notice: Notice }
  | { readonly do: 'end'; readonly error: PmcError };

/** What to make durable, and what that will mean. */
export interface Batch {
  readonly changes: Changes;
  readonly sent: { readonly epoch: string; readonly seq: number };
  readonly inbox: InboxMarks;
}
