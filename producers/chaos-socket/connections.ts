// The open connections, and the one way by which a frame leaves: offered, then either handed to the socket and written to
// the ledger, or counted as not sent with a reason. No connection's backlog grows beyond a limit, and nothing is sent that
// the ledger has no room for. What to send and when is decided elsewhere.
import { createHash } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Clock } from '../../service/clock.ts';
import { type Frame, kindLabel } from './frame-writer.ts';
import type { Ledger, SentFrame } from './ledger.ts';
import type { ChaosMetrics, NotSentReason } from './metrics.ts';

export interface Connection {
  readonly id: string;
  readonly socket: Pick<WebSocket, 'send' | 'readyState' | 'bufferedAmount'>;
  framesSent: number;
}

/** A frame as bytes or text, and what is known about its content. */
export interface Outgoing extends Omit<Frame, 'text'> {
  readonly data: string | Buffer;
  readonly binary?: boolean;
  readonly origin: SentFrame['origin'];
  /** When the plan wanted it sent. */
  readonly dueAtMs: number;
}

/** Bytes that wait in this process for one connection; the kernel holds a few hundred KiB more. */
const BUFFERED_BYTES_MAX = 4 * 1_024 * 1_024;

export class Connections {
  readonly #open = new Map<string, Connection>();
  readonly #ledger: Pick<Ledger, 'hasRoom' | 'append'>;
  readonly #metrics: ChaosMetrics;
  readonly #clock: Clock;
  #list: readonly Connection[] = [];
  #opened = 0;

  constructor(deps: { ledger: Pick<Ledger, 'hasRoom' | 'append'>; metrics: ChaosMetrics; clock: Clock }) {
    this.#ledger = deps.ledger;
    this.#metrics = deps.metrics;
    this.#clock = deps.clock;
  }

  /** In the order in which they were opened. */
  get list(): readonly Connection[] {
    return this.#list;
  }

  add(socket: Connection['socket']): Connection {
    const connection: Connection = { id: `connection-${++this.#opened}`, socket, framesSent: 0 };
    this.#open.set(connection.id, connection);
    this.#changed();
    return connection;
  }

  remove(connection: Connection): void {
    this.#open.delete(connection.id);
    this.#changed();
  }

  get(connectionId: string): Connection | undefined {
    return this.#open.get(connectionId);
  }

  /** One connection by its id, or all of them. */
  select(connectionId: string | undefined): readonly Connection[] {
    return connectionId === undefined ? this.#list : this.#list.filter(({ id }) => id === connectionId);
  }

  /** Whether the frame was handed to the socket. */
  send(connection: Connection, frame: Outgoing): boolean {
    const refusal = this.#refusal(connection);
    if (refusal !== undefined) {
      this.#metrics.countNotSent(refusal);
      return false;
    }
    const { event, id, chat, data, origin, dueAtMs } = frame;
    connection.socket.send(data, { binary: frame.binary ?? false });
    connection.framesSent++;
    this.#metrics.countSent(kindLabel(event));
    this.#ledger.append({
      connectionId: connection.id,
      n: connection.framesSent,
      event,
      id,
      chat,
      sha256: createHash('sha256').update(data).digest('hex'),
      origin,
      dueAtMs,
      sentAtMs: this.#clock.nowMs(),
    });
    return true;
  }

  #refusal({ socket }: Connection): NotSentReason | undefined {
    if (socket.readyState !== WebSocket.OPEN) return 'closed';
    if (socket.bufferedAmount > BUFFERED_BYTES_MAX) return 'buffer-full';
    return this.#ledger.hasRoom ? undefined : 'ledger-full';
  }

  #changed(): void {
    this.#list = [...this.#open.values()];
    this.#metrics.countConnections(this.#list.length);
  }
}
