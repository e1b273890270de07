// Stands on 127.0.0.1 in front of any TCP server, and breaks the link to it: whoever is to suffer dials the proxy instead.
// It passes bytes on as they are and knows no protocol; back-pressure goes through it in both directions.
//
//   cut         every connection ends in order (FIN)
//   reset       every connection breaks (RST)
//   refuse      as reset, and new connections break at once: the server is down
//   delay       bytes take longer, in both directions, in order
//   blackhole   bytes vanish in both directions, connections stay
//   half-open   what the server says vanishes, what it is told arrives
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { LINK_OUTAGES } from './outage-plan.ts';

export type LinkOutage = (typeof LINK_OUTAGES)[number];

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Has lost bytes: nothing that comes after makes sense, so it breaks when the outage ends. */
  isTorn: boolean;
}

const NO_OUTAGE = undefined;

export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: ServerAddress;
  readonly #pairs = new Set<Pair>();
  #outage: LinkOutage | undefined = NO_OUTAGE;
  #delayMs = 0;
  #accepted = 0;
  #vanishedBytes = 0;

  static async listen(target: ServerAddress): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new LinkProxy(server, target);
  }

  private constructor(server: Server, target: ServerAddress) {
    this.#server = server;
    this.#target = target;
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
  begin(outage: LinkOutage, { delayMs = 200 }: { readonly delayMs?: number } = {}): void {
    this.#outage = outage;
    this.#delayMs = outage === 'delay' ? delayMs : 0;
    for (const pair of this.#pairs) {
      if (outage === 'cut') end(pair);
      else if (outage === 'reset' || outage === 'refuse') abort(pair);
    }
  }

  /** Everything passes again; connections that have lost bytes break, as with a host that has forgotten them. */
  heal(): void {
    this.#outage = NO_OUTAGE;
    this.#delayMs = 0;
    for (const pair of this.#pairs) if (pair.isTorn) abort(pair);
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
    const pair: Pair = { client, server, isTorn: false };
    this.#pairs.add(pair);
    server.on('error', () => abort(pair));
    for (const socket of [client, server]) socket.setNoDelay(true).on('close', () => this.#gone(pair));
    this.#pass(pair, client, server, ['blackhole']);
    this.#pass(pair, server, client, ['blackhole', 'half-open']);
    client.resume();
  }

  #pass(pair: Pair, from: Socket, to: Socket, swallowedBy: readonly LinkOutage[]): void {
    let passed = Promise.resolve();
    const vanishes = (): boolean => this.#outage !== undefined && swallowedBy.includes(this.#outage);
    const deliver = (then: () => void): void => {
      const delayMs = this.#delayMs;
      if (delayMs === 0) passed = passed.then(then);
      else {
        const due = new Promise<void>((resolve) => setTimeout(resolve, delayMs));
        passed = passed.then(() => due).then(then);
      }
    };
    from.on('data', (chunk) => {
      if (vanishes()) {
        pair.isTorn = true;
        this.#vanishedBytes += chunk.length;
        return;
      }
      deliver(() => {
        if (to.writable && !to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    });
    from.on('end', () => {
      // A host that has vanished does not say that it is gone.
      if (vanishes()) pair.isTorn = true;
      else deliver(() => to.end());
    });
  }

  #gone(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.destroySoon();
    pair.server.destroySoon();
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
