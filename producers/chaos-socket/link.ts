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
const CONTROLS_MAX = 1_000;

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
  /** Hears of every frame that was put and not sent after all. */
  onUnsent: (frame: Outgoing) => void = () => undefined;
  readonly #connections: Connections;
  readonly #socket: WebSocket;
  readonly #raw: Socket;
  readonly #outlet: Outlet<Outgoing>;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** When what a fault does to this connection is over; of several the one that ends last counts. */
  readonly #overAtMs = new Map<'stop-reading' | 'trickle', number>();
  #bytesPerSecond: number | undefined;
  #isDark = false;
  /** A frame is going out in pieces: what goes in between would become a part of it. */
  #isInPieces = false;
  #controls: string[] = [];

  constructor({ socket, raw, source, connections, metrics }: LinkOptions) {
    this.#socket = socket;
    this.#raw = raw;
    this.#connections = connections;
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
        if (!connections.send(this.connection, frame)) this.onUnsent(frame);
        return busyMs;
      },
      sizeOf: ({ data }) => data.length,
      onDropped: (frame, reason) => {
        metrics.countNotSent(reason);
        this.onUnsent(frame);
      },
      framesMax: WAITING_FRAMES_MAX,
      bytesMax: 16 * MIB,
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Whether a frame that is put now will be sent, now or when a fault lets it. */
  get canTake(): boolean {
    return this.#outlet.hasRoom && this.#connections.canSend(this.connection);
  }

  /** Frames that wait for their time. */
  get waiting(): number {
    return this.#outlet.waiting;
  }

  put(frame: Outgoing, release: Release): void {
    this.#outlet.put(frame, release);
  }

  control(text: string): void {
    if (!this.isOpen || this.#isDark) return;
    if (!this.#isInPieces) this.#socket.send(text);
    // A peer that asks for more than this while one frame goes out has no right to every answer.
    else if (this.#controls.length < CONTROLS_MAX) this.#controls.push(text);
  }

  act(action: OwnAction): void {
    switch (action.do) {
      case 'hold':
        this.#outlet.hold(action.forMs);
        return;
      case 'stop-reading':
        this.#socket.pause();
        this.#lasting(action.do, action.forMs, () => {
          if (!this.#isDark) this.#socket.resume();
        });
        return;
      case 'go-dark':
        // Unread pings stay unanswered, and the frames wait for a host that does not come back.
        this.#isDark = true;
        this.#socket.pause();
        this.#outlet.hold(action.forMs + PIECE_MS);
        this.#after(action.forMs, () => this.#raw.resetAndDestroy());
        return;
      case 'trickle':
        this.#bytesPerSecond = action.bytesPerSecond;
        this.#lasting(action.do, action.forMs, () => {
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
    this.#isInPieces = pieces > 1;
    for (let index = 0; index < pieces; index++) {
      const piece = bytes.subarray(index * size, (index + 1) * size);
      const isLast = index === pieces - 1;
      const send = (): void => {
        this.#socket.send(piece, { binary, fin: isLast }, () => undefined);
        if (isLast) this.#whole();
      };
      if (index === 0) send();
      else this.#after(index * PIECE_MS, send);
    }
    return pieces * PIECE_MS;
  }

  #whole(): void {
    this.#isInPieces = false;
    for (const text of this.#controls.splice(0)) this.control(text);
  }

  #lasting(what: 'stop-reading' | 'trickle', forMs: number, then: () => void): void {
    const overAtMs = performance.now() + forMs;
    this.#overAtMs.set(what, Math.max(overAtMs, this.#overAtMs.get(what) ?? 0));
    this.#after(forMs, () => {
      if ((this.#overAtMs.get(what) ?? 0) <= overAtMs) then();
    });
  }

  #after(afterMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, afterMs);
    this.#timers.add(timer);
  }
}
