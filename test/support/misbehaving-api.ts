// A real HTTP server that behaves as badly as it is told to, path by path, and remembers what reached it.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `nth`: how often that path was asked before, from 0. */
export type Behaviour = (answer: ServerResponse, socket: Socket, nth: number) => void | Promise<void>;

export class MisbehavingApi implements AsyncDisposable {
  readonly arrived: Arrived[] = [];
  readonly port: number;
  inHandMax = 0;
  #inHand = 0;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #server;
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<MisbehavingApi> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new MisbehavingApi(server);
  }

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    server.on('request', (request, answer) => void this.#answer(request, answer).catch(() => answer.destroy()));
  }

  async #answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const nth = this.asked(path).length;
    this.arrived.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
    this.#inHand += 1;
    this.inHandMax = Math.max(this.inHandMax, this.#inHand);
    answer.once('close', () => (this.#inHand -= 1));
    await this.#behaviours.get(path)?.(answer, request.socket, nth);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  on(path: string, behaviour: Behaviour): void {
    this.#behaviours.set(path, behaviour);
  }

  asked(path: string): readonly Arrived[] {
    return this.arrived.filter((one) => one.path.replace(/\?.*$/, '') === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function answerJson(value: unknown, status = 200): Behaviour {
  return (answer) => {
    answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}
