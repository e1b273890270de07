// The WebSocket library's client as a link sees it, without a network: a test plays the other side.
import { EventEmitter } from 'node:events';

/** Every socket that was dialled, oldest first. */
export const sockets: ScriptedSocket[] = [];

export class ScriptedSocket extends EventEmitter {
  static readonly OPEN = 1;
  static readonly CLOSED = 3;
  readyState = 0;
  isPaused = false;
  pings = 0;
  readonly sent: string[] = [];
  sendFailure: Error | undefined;
  bufferedAmount = 0;
  /** How it was closed from our side. */
  readonly closes: (readonly [code: number | undefined, reason: string | undefined])[] = [];
  /** Its peer does not answer a close. */
  isDeaf = false;
  #lastPing = '';

  readonly protocols: readonly string[];

  constructor(_url = '', protocols: readonly string[] = []) {
    super();
    this.protocols = protocols;
    sockets.push(this);
  }

  open(): void {
    this.readyState = ScriptedSocket.OPEN;
    this.emit('open');
  }

  closed(code: number): void {
    this.readyState = ScriptedSocket.CLOSED;
    this.emit('close', code, Buffer.alloc(0));
  }

  /** As in the library: there is nothing to pause before the connection is open. */
  pause(): void {
    if (this.readyState !== 0 && this.readyState !== ScriptedSocket.CLOSED) this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  ping(text = ''): void {
    this.pings += 1;
    this.#lastPing = text;
  }

  /** Its peer answers the last ping. */
  pong(): void {
    this.emit('pong', Buffer.from(this.#lastPing));
  }

  terminate(): void {
    this.closed(1006);
  }

  close(code?: number, reason?: string): void {
    this.closes.push([code, reason]);
    this.readyState = 2;
    if (!this.isDeaf) queueMicrotask(() => this.closed(code ?? 1000));
  }

  /** As in the library: a socket that is not open tells its failure before the event loop turns. */
  send(text: string, callback: (error?: Error) => void = () => undefined): void {
    const failure = this.readyState === ScriptedSocket.OPEN ? this.sendFailure : new Error('not open');
    if (failure === undefined) this.sent.push(text);
    process.nextTick(callback, failure);
  }
}
