// The line to the gateway: one socket at a time, and nothing of an older one. It opens, says, hangs up and reports; when to do
// which is not its business.
import { SUBPROTOCOL } from '../../schemas/protocol/codes.ts';
import { describeFailure, type SocketClass, type SocketLike } from './socket.ts';

export interface LineOptions {
  readonly url: string;
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly Socket: SocketClass;
}

export interface Ending {
  readonly code: number;
  readonly reason: string;
}

export interface LineEvents {
  readonly opened: (token: string | undefined) => void;
  readonly received: (data: unknown) => void;
  readonly closed: (ending: Ending) => void;
}

const NORMAL = 1_000;
/** A socket that could not be made at all. */
const FAILED = 1_006;

export class Line {
  readonly #options: LineOptions;
  readonly #events: LineEvents;
  #socket: SocketLike | undefined;
  #dials = 0;

  constructor(options: LineOptions, events: LineEvents) {
    this.#options = options;
    this.#events = events;
  }

  async dial(): Promise<void> {
    const { url, token, Socket } = this.#options;
    const dial = ++this.#dials;
    try {
      const hello = typeof token === 'function' ? await token() : token;
      // It may have taken so long that nobody waits for it any more.
      if (dial === this.#dials) this.#listen(new Socket(url, [SUBPROTOCOL]), hello);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (dial === this.#dials) this.#events.closed({ code: FAILED, reason });
    }
  }

  say(text: string): void {
    this.#socket?.send(text);
  }

  /** Does not wait for the other side, which may have vanished. */
  hangUp({ code, reason }: Ending): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#dials += 1;
    socket?.close(code, reason);
  }

  #listen(socket: SocketLike, token: string | undefined): void {
    let failure = '';
    const isCurrent = (): boolean => this.#socket === socket;
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (isCurrent()) this.#events.opened(token);
    });
    socket.addEventListener('message', ({ data }) => {
      if (isCurrent()) this.#events.received(data);
    });
    socket.addEventListener('error', (event) => {
      failure = describeFailure(event);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (!isCurrent()) return;
      this.hangUp({ code: NORMAL, reason: '' });
      this.#events.closed({ code, reason: reason || failure });
    });
  }
}
