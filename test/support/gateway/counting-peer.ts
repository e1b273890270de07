// A peer of pmc.v1 that a test believes: it counts its events, keeps all of them, sends again from where the welcome says, and
// writes down every acknowledgement and every dispatch as it came. As a user it dials the gateway, as a source it is dialled.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ulid } from 'ulid';
import { WebSocket, WebSocketServer } from 'ws';
import type { GatewayFrame, Position } from '../../../schemas/protocol/frames.ts';

export interface Acked {
  readonly seq: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Delivered {
  readonly replyId: string;
  readonly content: string;
}

export interface CountingPeerOptions {
  /** The name in its events, and of its stream. */
  readonly name: string;
  readonly chats: number;
  readonly token?: string;
  /** Events on their way without an answer, at most. */
  readonly window?: number;
}

const RECONNECT_MS = 50;
const WINDOW = 200;

export class CountingPeer {
  readonly epoch = ulid();
  /** The texts of its events; number n is at n - 1. */
  readonly sent: string[] = [];
  /** Every acknowledgement with coordinates, also repeated ones. */
  readonly acked: Acked[] = [];
  readonly delivered: Delivered[] = [];
  /** Codes of errors and refusals. */
  readonly complaints: Extract<GatewayFrame, { op: 'error' | 'nack' }>[] = [];
  readonly closes: number[] = [];
  welcomes = 0;
  /** Everything up to here is settled, says the gateway. */
  settledUpTo = 0;
  readonly #options: CountingPeerOptions;
  #socket: WebSocket | undefined;
  #server: WebSocketServer | undefined;
  #url: string | undefined;
  #redial: NodeJS.Timeout | undefined;
  #isWelcomed = false;
  #next = 1;
  #position: { log_epoch: string; pos: Position } | undefined;

  constructor(options: CountingPeerOptions) {
    this.#options = options;
  }

  /** As a user, again and again. */
  dial(url: string): void {
    this.#url = url;
    this.#dialOnce();
  }

  /** As a source; resolves to its URL. */
  async listen(): Promise<string> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'pmc.v1' });
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      this.#speak(socket);
      this.#hello(socket);
    });
    await once(server, 'listening');
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  get isSettled(): boolean {
    return this.settledUpTo >= this.sent.length;
  }

  get isOpen(): boolean {
    return this.#isWelcomed;
  }

  /** Gives out as many more events. */
  say(count: number): void {
    const { name, chats } = this.#options;
    for (let index = 0; index < count; index += 1) {
      const seq = this.sent.length + 1;
      const place = { stream: name, epoch: this.epoch, seq };
      const about = { sender: name, chat: `${name}-${seq % chats}`, message_type: 'text', content: `n${seq}` };
      const event = { event: 'message', id: `${name}.${seq}`, timestamp: new Date().toISOString(), ...about };
      this.sent.push(JSON.stringify({ ...event, metadata: {}, ...place }));
    }
    this.#pump();
  }

  /** Leaves, and does not come back before `dial`. */
  leave(): void {
    this.#url = undefined;
    clearTimeout(this.#redial);
    this.#socket?.terminate();
  }

  async stop(): Promise<void> {
    this.leave();
    const server = this.#server;
    if (server === undefined) return;
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }

  #dialOnce(): void {
    const url = this.#url;
    if (url === undefined) return;
    const socket = new WebSocket(url, ['pmc.v1'], { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('open', () => this.#hello(socket));
    socket.on('close', () => {
      clearTimeout(this.#redial);
      this.#redial = setTimeout(() => this.#dialOnce(), RECONNECT_MS);
    });
    this.#speak(socket);
  }

  #hello(socket: WebSocket): void {
    const { name, token } = this.#options;
    const resume = {
      out: { epoch: this.epoch, seq: this.sent.length, acked: this.settledUpTo },
      ...(this.#position !== undefined && { in: this.#position }),
    };
    const access = token === undefined ? {} : { token };
    socket.send(JSON.stringify({ op: 'hello', v: 1, stream: name, epoch: this.epoch, ...access, resume }));
  }

  #speak(socket: WebSocket): void {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      if (socket === this.#socket) this.#take(JSON.parse(data.toString('utf8')) as GatewayFrame, socket);
    });
    socket.on('close', (code) => {
      this.closes.push(code);
      if (socket === this.#socket) this.#isWelcomed = false;
    });
  }

  #take(frame: GatewayFrame, socket: WebSocket): void {
    switch (frame.op) {
      case 'welcome': {
        this.welcomes += 1;
        const last = frame.last?.epoch === this.epoch ? frame.last.seq : 0;
        // What was settled before stays so, also where a gateway knows less.
        this.settledUpTo = Math.max(this.settledUpTo, last);
        this.#next = this.settledUpTo + 1;
        this.#position = { log_epoch: frame.in.log_epoch, pos: { ...frame.in.pos } };
        this.#isWelcomed = true;
        return this.#pump();
      }
      case 'ack':
        if (frame.epoch !== this.epoch) return;
        for (const [seq, topic, partition, offset] of frame.at) {
          this.acked.push({ seq: Number(seq), topic, partition, offset });
        }
        this.settledUpTo = Math.max(this.settledUpTo, frame.upto);
        return this.#pump();
      case 'deliver': {
        const { id, content } = frame.event as { id: string; content: string };
        if (this.#position !== undefined) Object.assign(this.#position.pos, frame.pos);
        this.delivered.push({ replyId: id, content });
        socket.send(JSON.stringify({ op: 'credit', n: 1 }));
        return;
      }
      case 'resend':
        for (let seq = frame.from; seq <= frame.to; seq += 1) socket.send(this.sent[seq - 1] ?? '');
        return;
      case 'nack':
        this.complaints.push(frame);
        if (frame.retry_after_ms !== undefined && frame.seq !== undefined) {
          setTimeout(() => socket.send(this.sent[(frame.seq ?? 0) - 1] ?? ''), frame.retry_after_ms);
        }
        return;
      case 'error':
        this.complaints.push(frame);
        return;
      case 'ping':
        return socket.send(JSON.stringify({ op: 'pong', t: frame.t }));
      case 'pong':
      case 'drain':
        return;
    }
  }

  #pump(): void {
    const socket = this.#socket;
    const { window = WINDOW } = this.#options;
    while (
      this.#isWelcomed &&
      socket?.readyState === WebSocket.OPEN &&
      this.#next <= this.sent.length &&
      this.#next <= this.settledUpTo + window
    ) {
      socket.send(this.sent[this.#next - 1] as string);
      this.#next += 1;
    }
  }
}
