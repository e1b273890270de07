// The model gateway on a real WebSocket server of this process, which tests can stop, break and make silent.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { SUBPROTOCOL } from '../../schemas/protocol/codes.ts';
import { ModelGateway } from './model-gateway.testing.ts';

export class SocketGateway {
  readonly model = new ModelGateway();
  readonly url: string;
  readonly #server: WebSocketServer;
  /** Frames that came over the connection of now. */
  received: string[] = [];
  connections = 0;
  /** Closes whoever comes, with this code. */
  closesWith: number | undefined;
  /** What is said after so many events is lost with the connection. */
  breaksAfter = Number.POSITIVE_INFINITY;
  #peer: WebSocket | undefined;

  static async listen({ speaks = SUBPROTOCOL as string | false } = {}): Promise<SocketGateway> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => speaks });
    await once(server, 'listening');
    return new SocketGateway(server);
  }

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (peer) => this.#accept(peer));
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.#peer?.terminate();
  }

  /** Says what the model has to say by itself. */
  flush(): void {
    for (const text of this.model.down.splice(0)) this.#peer?.send(text);
  }

  say(frame: object): void {
    this.#peer?.send(JSON.stringify(frame));
  }

  async stop(): Promise<void> {
    for (const peer of this.#server.clients) peer.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(peer: WebSocket): void {
    this.connections += 1;
    if (this.closesWith !== undefined) return peer.close(this.closesWith, 'as the test wants');
    this.model.connectionEnded();
    this.#peer = peer;
    this.received = [];
    let events = 0;
    peer.on('message', (data: Buffer) => {
      if (peer !== this.#peer || peer.readyState !== peer.OPEN) return;
      const text = data.toString('utf8');
      this.received.push(text);
      this.model.receive(text);
      if (text.startsWith('{"event"') && ++events >= this.breaksAfter) return peer.terminate();
      this.flush();
    });
  }
}
