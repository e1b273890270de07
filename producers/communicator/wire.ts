// One open WebSocket, whichever side dialled: sending, pausing for more than one reason, and its heartbeat. It promises that a
// paused peer is not taken for a dead one: what is not read proves nothing, so of a ping without an answer only the time counts in which the
// peer was read, however often it is paused meanwhile, and whoever sends anything is there. Two things hold for a peer that has been welcomed, and keeps
// what is not acknowledged. Only from then on it waits for the log: whoever has not said who it is, or waits for its welcome, is
// read, or neither its hello nor its end would be noticed. And it is pinged also while it is not read: of
// a peer that is gone its machine says so, or the kernel gives up, and its connection ends although nothing of it is read. A
// peer that cannot send again is not asked then: what it said last lies unread behind an end that is noticed too early.
import WebSocket from 'ws';
import { CLOSE, type CloseName, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { type Clock, steadyClock } from '../../service/clock.ts';

/** Why nothing is read: the log does not keep up, the spool is nearly full, the peer's own window, its rate, or we part. */
export type PauseReason = 'log' | 'spool' | 'window' | 'rate' | 'drain';

const PING_JITTER_MS = 2_500;
const CLOSE_WITHIN_MS = 2_000;
const NORMAL_CLOSE = 1000;
/** One for the thousands that are not: an empty set for each would be a sixtieth of what an idle connection takes. */
const NOT_PAUSED: readonly PauseReason[] = [];

export class Wire {
  readonly #socket: WebSocket;
  #paused: readonly PauseReason[] = NOT_PAUSED;
  readonly #clock: Clock;
  #nextPingMs: number;
  /** Since a ping that has no answer, for how long the peer was read. */
  #unansweredMs: number | undefined;
  #countedMs: number;
  #isWelcomed = false;
  #isClosing = false;
  #closedAs: { readonly code: number; readonly reason: string } | undefined;
  readonly #isThere = (): void => {
    this.#unansweredMs = undefined;
    this.#socket.off('message', this.#isThere);
  };

  /** `nowMs`, and that of each tick, are of this clock. */
  constructor(socket: WebSocket, nowMs: number, clock: Clock = steadyClock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#nextPingMs = nowMs + pingIn();
    this.#countedMs = nowMs;
    socket.on('pong', this.#isThere);
  }

  /** A socket that is closing takes nothing any more. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** We have ended it, and what still comes in is not taken: its peer has no answer to it and keeps it. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** How we ended it, whether its peer has heard that or not; undefined where the peer or the library did. */
  get closedAs(): { readonly code: number; readonly reason: string } | undefined {
    return this.#closedAs;
  }

  get isPaused(): boolean {
    return this.#paused.some((reason) => reason !== 'log' || this.#isWelcomed);
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Stops reading the socket: TCP then slows the peer down. */
  pause(reason: PauseReason): void {
    // A paused socket never reads the answer to its close.
    if (this.#isClosing) return;
    this.#count(this.#clock.nowMs());
    if (!this.#paused.includes(reason)) this.#paused = [...this.#paused, reason];
    this.#wait();
  }

  resume(reason: PauseReason): void {
    this.#count(this.#clock.nowMs());
    if (!this.#paused.includes(reason)) return;
    this.#paused = this.#paused.filter((other) => other !== reason);
    if (this.isPaused) return;
    this.#socket.resume();
  }

  /** Its peer has been welcomed: from now on it waits for the log. */
  welcomed(): void {
    this.#count(this.#clock.nowMs());
    this.#isWelcomed = true;
    this.#wait();
  }

  #wait(): void {
    if (this.isPaused) this.#socket.pause();
  }

  /** To be called before it is paused or read again, and by each tick. */
  #count(nowMs: number): void {
    if (this.#unansweredMs !== undefined && !this.isPaused) this.#unansweredMs += nowMs - this.#countedMs;
    this.#countedMs = nowMs;
  }

  /** Queues a text. Nothing is told when the link breaks: whoever needs to know waits for an acknowledgement. */
  send(text: string): void {
    if (this.isOpen) this.#socket.send(text);
  }

  /** Resolves when the socket has taken the text, false when the link is not open or breaks first. */
  async sendTaken(text: string): Promise<boolean> {
    if (!this.isOpen) return false;
    return await new Promise((resolve) => {
      // A failure is told one turn of the event loop later: whoever tries again must let the socket close in between.
      this.#socket.send(text, (error) =>
        error === undefined || error === null ? resolve(true) : setImmediate(resolve, false),
      );
    });
  }

  /** A ping behind all that was sent: the pong that brings this text back says that it has arrived. */
  ask(text: string): void {
    if (this.isOpen) this.#socket.ping(text);
  }

  onPong(hear: (text: string) => void): void {
    this.#socket.on('pong', (data: Buffer) => hear(data.toString('utf8')));
  }

  /** To be called about once a second. */
  tick(nowMs: number): void {
    if (!this.isOpen || (this.isPaused && !this.#isWelcomed)) return;
    this.#count(nowMs);
    if (this.#unansweredMs !== undefined && this.#unansweredMs >= PROTOCOL_LIMITS.pongMs) return this.close('noPong');
    if (nowMs < this.#nextPingMs) return;
    this.#nextPingMs = nowMs + pingIn();
    if (this.#unansweredMs === undefined) {
      this.#unansweredMs = 0;
      // The next one, and not all: a second listener costs each message.
      this.#socket.once('message', this.#isThere);
    }
    this.#socket.ping();
  }

  /** What still comes in from now on is not taken. The first close counts. */
  close(name: CloseName): void {
    const { code, reason } = CLOSE[name];
    this.#close(code, reason);
  }

  /** Closes it, and reads nothing more of it until it is gone: what it sends takes no memory. */
  cutOff(name: CloseName): void {
    this.close(name);
    this.#socket.pause();
  }

  /** Closes and resolves when it is closed; what had arrived is handed over first. */
  async end(name?: CloseName): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      if (name === undefined) this.#close(NORMAL_CLOSE, 'shutdown');
      else this.close(name);
    });
  }

  #close(code: number, reason: string): void {
    const socket = this.#socket;
    if (this.#isClosing || socket.readyState === WebSocket.CLOSED) return;
    this.#isClosing = true;
    if (this.isOpen) this.#closedAs = { code, reason };
    const force = setTimeout(() => socket.terminate(), CLOSE_WITHIN_MS);
    socket.once('close', () => clearTimeout(force));
    this.#paused = NOT_PAUSED;
    socket.resume();
    socket.close(code, reason);
  }
}

/** Spread, so that thousands that connected together are not pinged together. */
function pingIn(): number {
  return PROTOCOL_LIMITS.pingMs + Math.random() * PING_JITTER_MS;
}
