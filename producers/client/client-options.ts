// What a client is told when it is made, and whether that fits its store. Pure.
import { PmcError } from '../../service/errors.ts';
import type { Notice } from './actions.ts';
import type { Dispatch } from './inbox.ts';
import type { Counter, Kept } from './kept.ts';
import type { Outcome } from './outcome.ts';
import type { SocketClass } from './socket.ts';
import type { ClientStore } from './store.ts';

export interface ClientOptions {
  /** ws: or wss: */
  readonly url: string;
  readonly store: ClientStore;
  /** The name of what this client counts; drawn and kept in the store where it is left out. */
  readonly stream?: string | undefined;
  /** A function is asked at each connection. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Called for one dispatch at a time; it counts as handled when this returns, or when the promise is kept. */
  readonly onDispatch: (dispatch: Dispatch) => void | Promise<void>;
  /** What became of each event, also of those that an earlier client on this store has sent. */
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly onNotice?: (notice: Notice) => void;
  readonly WebSocket?: SocketClass;
  /** Events that are kept without an acknowledgement; `send` waits for room. 10,000 by default. */
  readonly outboxMax?: number;
  /** The same in bytes; 32 MiB by default. */
  readonly outboxBytesMax?: number;
}

export function checkUrl(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol === 'ws:' || protocol === 'wss:') return;
  throw new PmcError(
    'PMC_CONFIG_INVALID',
    `the address ${JSON.stringify(url)} is not one of a WebSocket (ws: or wss:)`,
  );
}

/** Of the store; a store that is new, or was lost, begins another epoch. */
export function counterOf({ counter }: Kept, stream: string | undefined, newName: () => string): Counter {
  if (counter === undefined) return { stream: stream ?? `client-${newName()}`, epoch: newName(), last: 0 };
  if (stream === undefined || stream === counter.stream) return counter;
  const what = `the store counts for the stream ${JSON.stringify(counter.stream)}, not for ${JSON.stringify(stream)}`;
  throw new PmcError('PMC_CLIENT_STORE_FAILED', what);
}
