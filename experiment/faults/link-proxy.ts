// Stands on 127.0.0.1 in front of any TCP server, and breaks the link to it: whoever is to suffer dials the proxy instead.
// It passes bytes on as they are and knows no protocol; back-pressure goes through it in both directions, and it never holds
// more than a limit. It is itself the one who accepts: to a client a server behind a black hole takes connections and says
// nothing. Packets it does not know, so none can be lost; a link of namespaces can.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { LinkOutage } from './outages.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** How bad it shall be, where an outage has a measure. */
export interface LinkSettings {
  /** `delay`: how much longer bytes take, each way. */
  readonly delayMs: number;
  /** `throttle`: what passes, each way. */
  readonly bytesPerSecond: number;
}

/** A proxy cannot lose packets. */
export type ProxyOutage = Exclude<LinkOutage, 'loss'>;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Has lost bytes: nothing that comes after makes sense, so it breaks when the outage ends. */
  isTorn: boolean;
  /** The two directions, client to server first. */
  readonly ways: readonly [Way, Way];
}

interface Way {
  /** Whoever speaks here has said its last word. */
  hasEnded: boolean;
  /** When what was read last arrives, by the process's own clock. */
  dueMs: number;
}

interface Waiting {
  readonly timer: NodeJS.Timeout;
  readonly goOn: () => void;
}

const DEFAULTS: LinkSettings = { delayMs: 200, bytesPerSecond: 10_000 };
/** Bytes that wait in one direction of one connection; more are not read. */
const WAITING_BYTES_MAX = 1_048_576;
const PIECES_PER_SECOND = 20;

export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: ServerAddress;
  readonly #settings: LinkSettings;
  readonly #pairs = new Set<Pair>();
  readonly #waiting = new Set<Waiting>();
  #outage: ProxyOutage | undefined;
  #accepted = 0;
  #vanishedBytes = 0;

  /** `port` 0 takes a free one. */
  static async listen(target: ServerAddress, settings: Partial<LinkSettings> = {}, port = 0): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return new LinkProxy(server, target, { ...DEFAULTS, ...settings });
  }

  private constructor(server: Server, target: ServerAddress, settings: LinkSettings) {
    this.#server = server;
    this.#target = target;
    this.#settings = settings;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Connections made since it began. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Bytes that were not passed on. */
  get vanishedBytes(): number {
    return this.#vanishedBytes;
  }

  /** Begins an outage; a second one replaces the first. */
  begin(outage: LinkOutage): void {
    if (outage === 'loss') throw new Error('a proxy knows no packets, so it cannot lose them');
    this.#outage = outage;
    for (const pair of this.#pairs) {
      if (outage === 'cut') end(pair);
      else if (outage === 'reset' || outage === 'refuse') abort(pair);
    }
  }

  /** Everything passes again, and what was held back at once; connections that have lost bytes break, as with a host that has
   * forgotten them. */
  heal(): void {
    this.#outage = undefined;
    for (const { timer, goOn } of this.#waiting) {
      clearTimeout(timer);
      goOn();
    }
    this.#waiting.clear();
    for (const pair of this.#pairs) {
      for (const way of pair.ways) way.dueMs = 0;
      if (pair.isTorn) abort(pair);
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) abort(pair);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    client.on('error', () => undefined);
    if (this.#outage === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const ways = [0, 1].map(() => ({ hasEnded: false, dueMs: 0 })) as unknown as Pair['ways'];
    const pair: Pair = { client, server, isTorn: false, ways };
    this.#pairs.add(pair);
    server.on('error', () => abort(pair));
    for (const socket of [client, server]) socket.setNoDelay(true).on('close', () => this.#gone(pair));
    this.#pass(pair, client, server, ways[0], ['blackhole']);
    this.#pass(pair, server, client, ways[1], ['blackhole', 'half-open']);
    client.resume();
  }

  #pass(pair: Pair, from: Socket, to: Socket, way: Way, swallowedBy: readonly ProxyOutage[]): void {
    let passed = Promise.resolve();
    let waitingBytes = 0;
    const vanishes = (): boolean => this.#outage !== undefined && swallowedBy.includes(this.#outage);
    const deliver = (sizeBytes: number, then: () => void): void => {
      way.dueMs = this.#dueMs(way.dueMs, sizeBytes);
      const due = this.#until(way.dueMs);
      passed = (due === undefined ? passed : passed.then(() => due)).then(then);
    };
    const readOn = (): void => {
      if (waitingBytes < WAITING_BYTES_MAX && !to.writableNeedDrain) from.resume();
    };
    to.on('drain', readOn);
    from.on('data', (chunk) => {
      if (vanishes()) {
        pair.isTorn = true;
        this.#vanishedBytes += chunk.length;
        return;
      }
      waitingBytes += chunk.length;
      if (waitingBytes >= WAITING_BYTES_MAX) from.pause();
      for (const piece of this.#pieces(chunk)) {
        deliver(piece.length, () => {
          waitingBytes -= piece.length;
          if (!to.writable) this.#vanishedBytes += piece.length;
          else if (!to.write(piece)) from.pause();
          readOn();
        });
      }
    });
    from.on('end', () => {
      // A host that has vanished does not say that it is gone.
      if (vanishes()) {
        pair.isTorn = true;
        return;
      }
      way.hasEnded = true;
      deliver(0, () => to.end());
    });
  }

  /** When bytes that are read now arrive: never before those that were read earlier. 0 is at once. */
  #dueMs(previousMs: number, sizeBytes: number): number {
    const nowMs = performance.now();
    if (this.#outage === 'delay') return Math.max(previousMs, nowMs + this.#settings.delayMs);
    if (this.#outage !== 'throttle') return 0;
    return Math.max(previousMs, nowMs) + (sizeBytes * 1_000) / this.#settings.bytesPerSecond;
  }

  /** A thin line does not keep quiet for seconds and then say all at once. */
  *#pieces(chunk: Buffer): Iterable<Buffer> {
    const size =
      this.#outage === 'throttle' ? Math.ceil(this.#settings.bytesPerSecond / PIECES_PER_SECOND) : chunk.length;
    for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
  }

  #until(dueMs: number): Promise<void> | undefined {
    const waitMs = dueMs - performance.now();
    if (waitMs <= 0) return undefined;
    return new Promise((goOn) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        goOn();
      }, waitMs);
      const waiting = { timer, goOn };
      this.#waiting.add(waiting);
    });
  }

  /** One end is gone. Where both had said their last word it still has to arrive; else the other end cannot go on either. */
  #gone(pair: Pair): void {
    const { client, server, ways } = pair;
    if (!ways.every(({ hasEnded }) => hasEnded)) for (const socket of [client, server]) socket.destroySoon();
    if (client.destroyed && server.destroyed) this.#pairs.delete(pair);
  }
}

function end({ client, server }: Pair): void {
  client.end();
  server.destroy();
}

function abort({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
