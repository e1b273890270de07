// A chat source under the test's control: a WebSocket server that sends exactly the bytes it is told to, and keeps what it
// receives. It speaks no protocol: like the original simulator it sends frames and nothing else.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export class ChatSource {
  readonly url: string;
  readonly received: string[] = [];
  readonly #server: WebSocketServer;
  #peer: WebSocket | undefined;

  static async start(): Promise<ChatSource> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new ChatSource(server);
  }

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (peer) => {
      this.#peer = peer;
      peer.on('message', (data: Buffer) => this.received.push(data.toString('utf8')));
      peer.on('error', () => undefined);
    });
  }

  async connected(): Promise<void> {
    while (this.#peer?.readyState !== this.#peer?.OPEN || this.#peer === undefined)
      await once(this.#server, 'connection');
  }

  /** Sends frames in order, text unless told otherwise; resolves when the socket has taken all of them. */
  async send(frames: readonly (string | Buffer)[], { binary = false } = {}): Promise<void> {
    await this.connected();
    const peer = this.#peer as WebSocket;
    await Promise.all(
      frames.map(
        (frame) =>
          new Promise<void>((resolve, reject) => {
            peer.send(frame, { binary }, (error) => (error ? reject(error) : resolve()));
          }),
      ),
    );
  }

  async stop(): Promise<void> {
    for (const peer of this.#server.clients) peer.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
