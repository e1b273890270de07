// Stands on 127.0.0.1 in front of PostgreSQL and breaks connections at the one place where nobody can know what happened: the client
// has sent all of a transaction, its commit included, and gets no answer. `before`: the last message of it never reaches the
// server, which rolls back. `after`: the server has committed, and its answer never reaches the client. For the client both look the same.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type Side = 'before' | 'after';
/** What ends a transaction: the end of a COPY that carries its commit behind it, or a commit by itself. */
export type Ending = 'copy' | 'commit';

const HEADER_BYTES = 5;
const COPY_DONE = 'c';
const QUERY = 'Q';
const COMMAND_COMPLETE = 'C';

export class CommitCuttingProxy {
  readonly port: number;
  /** How often each has been done, as `copy before`. */
  readonly cuts = new Map<string, number>();
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  /** Decides about each commit that passes. */
  onCommit: (ending: Ending) => Side | undefined = () => undefined;

  static async listen(targetPort: number): Promise<CommitCuttingProxy> {
    const server = createServer();
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new CommitCuttingProxy(server, targetPort);
  }

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#accept(client));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: this.#targetPort });
    const both = [client, server];
    const abort = (): void => both.forEach((socket) => void socket.resetAndDestroy());
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.setNoDelay(true).on('error', abort);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('end', abort);
    }
    let cutting: { readonly ending: Ending; readonly side: Side } | undefined;
    const cut = ({ ending, side }: { readonly ending: Ending; readonly side: Side }): void => {
      const name = `${ending} ${side}`;
      this.cuts.set(name, (this.cuts.get(name) ?? 0) + 1);
      abort();
    };
    // The first message of a client has no type.
    const asked = new Messages(true, (type, message) => {
      const ending = endingOf(type, message);
      const side = ending === undefined ? undefined : this.onCommit(ending);
      if (ending !== undefined && side !== undefined) cutting = { ending, side };
      if (cutting?.side === 'before') cut(cutting);
      else server.write(message);
    });
    const answered = new Messages(false, (type, message) => {
      if (cutting !== undefined && type === COMMAND_COMPLETE && message.includes('COMMIT')) cut(cutting);
      else client.write(message);
    });
    client.on('data', (bytes) => asked.take(bytes));
    server.on('data', (bytes) => answered.take(bytes));
  }
}

function endingOf(type: string, message: Buffer): Ending | undefined {
  if (type === COPY_DONE) return 'copy';
  return type === QUERY && message.toString('latin1', HEADER_BYTES, message.length - 1) === 'commit'
    ? 'commit'
    : undefined;
}

/** A stream of PostgreSQL's messages, one by one. */
class Messages {
  readonly #on: (type: string, message: Buffer) => void;
  #isFirst: boolean;
  #pending = Buffer.alloc(0);

  constructor(hasStartup: boolean, on: (type: string, message: Buffer) => void) {
    this.#isFirst = hasStartup;
    this.#on = on;
  }

  take(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const at = this.#isFirst ? 0 : 1;
      if (this.#pending.length < at + 4) return;
      const size = at + this.#pending.readInt32BE(at);
      if (this.#pending.length < size) return;
      const message = this.#pending.subarray(0, size);
      const type = this.#isFirst ? '' : message.toString('latin1', 0, 1);
      this.#pending = this.#pending.subarray(size);
      this.#isFirst = false;
      this.#on(type, message);
    }
  }
}
