// What happens when a peer connects, says something, and leaves: which feed it belongs to, what it is greeted with, and
// what the ledger keeps of it.
import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import type { Connections } from './connections.ts';
import { readControl } from './control-frames.ts';
import { AT_ONCE } from './delivery.ts';
import { draftOf, type Emitter } from './emitter.ts';
import type { FaultDesk } from './fault-desk.ts';
import type { Feed } from './feed.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Ledger } from './ledger.ts';
import { Link } from './link.ts';
import type { ChaosMetrics } from './metrics.ts';
import { NumberedFeed } from './numbered-feed.ts';
import { describeReceived, type ReceivedFrames } from './received-frames.ts';
import type { Replay } from './replay.ts';
import type { Sources } from './sources.ts';

export interface ReceptionOptions {
  readonly sources: Sources;
  readonly connections: Connections;
  readonly received: ReceivedFrames;
  readonly emitter: Emitter;
  /** Instead of a plan. */
  readonly replay: Replay | undefined;
  readonly writer: FrameWriter;
  readonly desk: FaultDesk;
  readonly ledger: Ledger;
  readonly metrics: ChaosMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether a peer that offered this subprotocol is spoken to in pmc.v1. */
  readonly isNumbered: (offered: string) => boolean;
}

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #links = new Map<string, Link>();

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  linkOf(connectionId: string): Link | undefined {
    return this.#links.get(connectionId);
  }

  accept(socket: WebSocket, request: IncomingMessage): void {
    const { sources, connections, metrics, logger, isNumbered } = this.#options;
    const source = pathOf(request);
    const link = new Link({ socket, raw: request.socket, source, connections, metrics });
    const { connection } = link;
    this.#links.set(connection.id, link);
    const numbered = isNumbered(socket.protocol) ? sources.numberedFeed(source) : undefined;
    const about = { connectionId: connection.id, source, connections: connections.list.length };
    logger.info({ ...about, isNumbered: numbered !== undefined }, 'chaos.connection.opened');
    socket.on('message', (data, binary) => this.#heard(bytesOf(data), binary, link, numbered));
    socket.on('error', (error) => logger.warn({ ...about, error: error.message }, 'chaos.connection.failed'));
    const end = this.#greet(link, numbered);
    socket.on('close', (code) => {
      end();
      this.#left(link, code);
    });
  }

  /** Sends what comes first and begins what follows; what it returns ends that again. */
  #greet(link: Link, numbered: NumberedFeed | undefined): () => void {
    const { sources, emitter, replay, writer, clock } = this.#options;
    if (replay !== undefined) {
      replay.begin(link);
      return () => replay.end(link);
    }
    const feed = numbered ?? sources.legacyFeed(link);
    if (feed instanceof NumberedFeed) {
      this.#early(feed, () => feed.connected(link));
      emitter.begin(feed);
      return () => feed.disconnected(link);
    }
    this.#early(feed, () => {
      const dueAtMs = clock.nowMs();
      const hello = draftOf(writer.hello(dueAtMs));
      link.put({ ...hello, origin: 'hello', expect: 'stored', dueAtMs }, AT_ONCE);
    });
    emitter.begin(feed);
    return () => emitter.end(feed);
  }

  /** A fault may have events sent before the greeting; for a counting source that is before the welcome. */
  #early(feed: Feed, greet: () => void): void {
    const { sources, desk, emitter, clock } = this.#options;
    const nowMs = clock.nowMs();
    const more = (count: number) => emitter.more(undefined, nowMs, count);
    const struck = desk.open(sources.opening(feed.source), { source: feed.source, nowMs }, more);
    if (feed.isNumbered) greet();
    for (const one of struck) feed.offer(one, { origin: 'early', dueAtMs: nowMs });
    if (!feed.isNumbered) greet();
  }

  #heard(bytes: Uint8Array, binary: boolean, link: Link, numbered: NumberedFeed | undefined): void {
    const { received, metrics, logger, clock } = this.#options;
    const connectionId = link.connection.id;
    const { received: frame, value } = describeReceived(bytes, { connectionId, binary, nowMs: clock.nowMs() });
    received.add(frame);
    metrics.countReceived(frame.isJson ? 'json' : 'malformed', received.dropped);
    logger.debug({ connectionId, sizeBytes: frame.sizeBytes, chat: frame.chat }, 'chaos.frame.received');
    const control = numbered === undefined ? undefined : readControl(value);
    if (control !== undefined) numbered?.receive(control, link);
  }

  #left(link: Link, code: number): void {
    const { connections, ledger, logger, clock } = this.#options;
    const { id, framesSent } = link.connection;
    connections.remove(link.connection);
    this.#links.delete(id);
    link.ended();
    ledger.note({ line: 'closed', connectionId: id, code, n: framesSent }, clock.nowMs());
    const open = connections.list.length;
    logger.info({ connectionId: id, code, framesSent, connections: open }, 'chaos.connection.closed');
  }
}

export function pathOf({ url = '/' }: IncomingMessage): string {
  const [path = '/'] = url.split('?', 1);
  return path === '' ? '/' : path;
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
