// One open connection: the socket, the outlet in front of it, and what faults do to both. Frames leave by `Connections`,
// which knows the ledger; control frames of the protocol go straight out, as pings do.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Connection, Connections, Outgoing } from './connections.ts';
import type { LinkAction, Release } from './delivery.ts';
import type { ChaosMetrics } from './metrics.ts';
import { Outlet } from './outlet.ts';

const MIB = 1_024 * 1_024;
const WAITING_FRAMES_MAX = 20_000;
const PIECE_MS = 100;

export interface LinkOptions {
  readonly socket: WebSocket;
  /** The TCP connection below it. */
  readonly raw: Socket;
  readonly source: string;
  readonly connections: Connections;
  readonly metrics: Pick<ChaosMetrics, 'countNotSent'>;
}

export type OwnAction = Extract<
  LinkAction,
  { do: 'hold' | 'go-dark' | 'stop-reading' | 'trickle' | 'reset' | 'close' }
>;

export class Link {
  readonly connection: Connection;
  readonly #socket: WebSocket;
  readonly #raw: Socket;
  readonly #outlet: Outlet<Outgoing>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #bytesPerSecond: number | undefined;

  constructor({ socket, raw, source, connections, metrics }: LinkOptions) {
    this.#socket = socket;
    this.#raw = raw;
    let busyMs = 0;
    const slowly = {
      send: (data: string | Buffer, { binary }: { binary: boolean }) => {
        busyMs = this.#send(data, binary);
      },
      get readyState() {
        return socket.readyState;
      },
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
    };
    this.connection = connections.add(slowly, source);
    this.#outlet = new Outlet<Outgoing>({
      write: (frame) => {
        busyMs = 0;
        connections.send(this.connection, frame);
        return busyMs;
      },
      sizeOf: ({ data }) => data.length,
      onDropped: (_frame, reason) => metrics.countNotSent(reason),
      framesMax: WAITING_FRAMES_MAX,
      bytesMax: 16 * MIB,
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Frames that wait for their time. */
  get waiting(): number {
    return this.#outlet.waiting;
  }

  put(frame: Outgoing, release: Release): void {
    this.#outlet.put(frame, release);
  }

  control(text: string): void {
    if (this.isOpen) this.#socket.send(text);
  }

  act(action: OwnAction): void {
    switch (action.do) {
      case 'hold':
        this.#outlet.hold(action.forMs);
        return;
      case 'stop-reading':
        this.#socket.pause();
        this.#after(action.forMs, () => this.#socket.resume());
        return;
      case 'go-dark':
        // Unread pings stay unanswered, and the frames wait for a host that does not come back.
        this.#socket.pause();
        this.#outlet.hold(action.forMs + PIECE_MS);
        this.#after(action.forMs, () => this.#raw.resetAndDestroy());
        return;
      case 'trickle':
        this.#bytesPerSecond = action.bytesPerSecond;
        this.#after(action.forMs, () => {
          this.#bytesPerSecond = undefined;
        });
        return;
      case 'reset':
        this.#raw.resetAndDestroy();
        return;
      case 'close':
        this.#socket.close(action.code);
        return;
    }
  }

  /** Lets go of everything that waits. */
  ended(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#outlet.close();
  }

  /** How long the line is busy with it: fragments of one frame must not be mixed with another frame. */
  #send(data: string | Buffer, binary: boolean): number {
    const bytesPerPiece = ((this.#bytesPerSecond ?? 0) * PIECE_MS) / 1_000;
    const bytes = this.#bytesPerSecond === undefined ? undefined : Buffer.from(data);
    if (bytes === undefined || bytes.byteLength <= bytesPerPiece) {
      this.#socket.send(data, { binary });
      return 0;
    }
    const size = Math.max(1, Math.floor(bytesPerPiece));
    const pieces = Math.ceil(bytes.byteLength / size);
    for (let index = 0; index < pieces; index++) {
      const piece = bytes.subarray(index * size, (index + 1) * size);
      const send = (): void => this.#socket.send(piece, { binary, fin: index === pieces - 1 }, () => undefined);
      if (index === 0) send();
      else this.#after(index * PIECE_MS, send);
    }
    return pieces * PIECE_MS;
  }

  #after(afterMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, afterMs);
    this.#timers.add(timer);
  }
}
