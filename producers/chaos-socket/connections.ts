// The open connections, and the one way by which a frame leaves: offered, then either handed to the socket and written to
// the ledger, or counted as not sent with a reason. No connection's backlog grows beyond a limit, and nothing is sent that
// the ledger has no room for. What to send and when is decided elsewhere.
import { createHash } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Clock } from '../../service/clock.ts';
import type { Draft } from './delivery.ts';
import { kindLabel } from './frame-writer.ts';
import type { Ledger, SentFrame } from './ledger.ts';
import type { ChaosMetrics, NotSentReason } from './metrics.ts';
import type { Expectation } from './verdict/ledger-line.ts';

/** The part of a WebSocket that frames need. */
export interface WayOut {
  send(data: string | Buffer, options: { binary: boolean }): void;
  readonly readyState: WebSocket['readyState'];
  readonly bufferedAmount: number;
}

export interface Connection {
  readonly id: string;
  /** The path it was dialled by. */
  readonly source: string;
  readonly socket: WayOut;
  framesSent: number;
}

export interface Outgoing extends Draft {
  readonly origin: SentFrame['origin'];
  readonly expect: Expectation;
  /** The firing of the fault behind it. */
  readonly firing?: number | undefined;
  readonly place?: { readonly stream: string; readonly epoch: string; readonly seq: number } | undefined;
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

  add(socket: WayOut, source: string): Connection {
    const connection: Connection = { id: `connection-${++this.#opened}`, source, socket, framesSent: 0 };
    this.#open.set(connection.id, connection);
    this.#changed();
    return connection;
  }

  remove(connection: Connection): void {
    this.#open.delete(connection.id);
    this.#changed();
  }

  /** One connection by its id, or all of them. */
  select(connectionId: string | undefined): readonly Connection[] {
    return connectionId === undefined ? this.#list : this.#list.filter(({ id }) => id === connectionId);
  }

  /** Whether a frame would be handed to the socket now. */
  canSend(connection: Connection): boolean {
    return this.#refusal(connection) === undefined;
  }

  /** Whether the frame was handed to the socket. */
  send(connection: Connection, frame: Outgoing): boolean {
    const refusal = this.#refusal(connection);
    if (refusal !== undefined) {
      this.#metrics.countNotSent(refusal);
      return false;
    }
    const { event, id, chat, data, binary, origin, expect, firing, place, dueAtMs } = frame;
    connection.socket.send(data, { binary });
    connection.framesSent++;
    this.#metrics.countSent(kindLabel(event));
    this.#ledger.append({
      source: connection.source,
      connectionId: connection.id,
      n: connection.framesSent,
      event,
      id,
      chat,
      sha256: createHash('sha256').update(data).digest('hex'),
      ...place,
      origin,
      firing,
      expect,
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
