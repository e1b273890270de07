// A legacy source: a WebSocket server that says its frames once, counts nothing and hears no acknowledgement. It writes down
// which frames it said over which connection, and what it was told. What is not JSON is among them.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

const BUFFERED_BYTES_MAX = 4_194_304;
const BAD_EVERY = 97;

export class TellingSource {
  readonly url: string;
  /** Frames by connection, oldest first. */
  readonly told: string[][] = [];
  /** Contents of what it was given, in order, over all connections. */
  readonly received: { readonly id: string; readonly content: string }[] = [];
  readonly #name: string;
  readonly #contentBytes: number;
  readonly #server: WebSocketServer;
  #peer: WebSocket | undefined;
  #count = 0;

  static async start(name: string, contentBytes = 0): Promise<TellingSource> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new TellingSource(name, contentBytes, server);
  }

  private constructor(name: string, contentBytes: number, server: WebSocketServer) {
    this.#name = name;
    this.#contentBytes = contentBytes;
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (peer) => {
      this.#peer = peer;
      this.told.push([]);
      peer.on('error', () => undefined);
      peer.on('message', (data: Buffer) => {
        const { id, content } = JSON.parse(data.toString('utf8')) as { id?: string; content?: string };
        if (id !== undefined && content !== undefined) this.received.push({ id, content });
      });
    });
  }

  get isOpen(): boolean {
    return this.#peer?.readyState === WebSocket.OPEN;
  }

  /** Bytes that nobody has read yet. */
  get bufferedBytes(): number {
    return this.isOpen ? (this.#peer?.bufferedAmount ?? 0) : 0;
  }

  get toldTotal(): number {
    return this.#count;
  }

  /** Says so many frames, if somebody is there and reads. */
  say(count: number): void {
    const peer = this.#peer;
    const frames = this.told.at(-1);
    for (let index = 0; index < count; index += 1) {
      if (peer?.readyState !== WebSocket.OPEN || peer.bufferedAmount > BUFFERED_BYTES_MAX) return;
      this.#count += 1;
      const text = this.#frame(this.#count);
      frames?.push(text);
      peer.send(text);
    }
  }

  async stop(): Promise<void> {
    for (const peer of this.#server.clients) peer.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #frame(count: number): string {
    const name = this.#name;
    if (count % BAD_EVERY === 0) return `{"event":"message","id":"${name}.${count}"`;
    const about = { sender: name, chat: `${name}-${count % 3}`, message_type: 'text' };
    const content = `n${count}`.padEnd(this.#contentBytes, '.');
    return JSON.stringify({ event: 'message', id: `${name}.${count}`, ...about, content, metadata: {} });
  }
}
