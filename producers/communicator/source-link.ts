// One chat source that we dial. It owns the connection: dialling with jittered backoff for ever, pings, pausing, sending.
// It promises to hand over every frame with its exact bytes, in order; what a frame means is not its business.
//
//   dialling ──open──► open ──close/error──► waiting ──backoff──► dialling          stop() ──► stopped
import { ulid } from 'ulid';
import WebSocket from 'ws';
import { backoffMs } from '../../service/backoff.ts';
import { PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { FRAME_BYTES_HARD_MAX } from './config.ts';
import type { Frame } from './envelope.ts';

export type LinkState = 'dialling' | 'open' | 'waiting' | 'stopped';

export interface LinkEvents {
  onOpen(connection: string): void;
  onFrame(frame: Frame, connection: string): void;
  onClose(connection: string, code: number, reason: string): void;
}

export interface SourceLinkOptions extends LinkEvents {
  readonly name: string;
  readonly url: string;
  readonly logger: Logger;
}

const DIAL_BACKOFF = { initialMs: 500, maxMs: 30_000 };
const HANDSHAKE_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 25_000;
const PONG_TIMEOUT_MS = 8_000;
const NORMAL_CLOSE = 1000;

export class SourceLink {
  readonly name: string;
  readonly url: string;
  readonly #options: SourceLinkOptions;
  #state: LinkState = 'waiting';
  #socket: WebSocket | undefined;
  #connection = '';
  #attempt = 0;
  #paused = false;
  #lastError: string | undefined;
  #redial: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #pong: NodeJS.Timeout | undefined;
  readonly #waitingForOpen: (() => void)[] = [];

  constructor(options: SourceLinkOptions) {
    this.#options = options;
    this.name = options.name;
    this.url = options.url;
  }

  get state(): LinkState {
    return this.#state;
  }

  get connection(): string {
    return this.#connection;
  }

  /** Why the link is not open, for people. */
  get lastError(): string | undefined {
    return this.#state === 'open' ? undefined : this.#lastError;
  }

  start(): void {
    this.#dial();
  }

  /** Stops reading the socket: TCP then slows the source down. Pings rest meanwhile, an unread pong proves nothing. */
  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
    clearTimeout(this.#pong);
  }

  resume(): void {
    this.#paused = false;
    this.#socket?.resume();
  }

  /** Resolves when the link is open, or when the signal is aborted. */
  async opened(signal: AbortSignal): Promise<void> {
    while (!this.#canSend && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waitingForOpen.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Sends a text; resolves when the socket has taken it, false when the link is not open or breaks first. */
  async send(text: string): Promise<boolean> {
    const socket = this.#socket;
    if (!this.#canSend || socket === undefined) return false;
    return await new Promise((resolve) => {
      // A failure is told one turn of the event loop later: whoever tries again must let the socket close in between.
      socket.send(text, (error) =>
        error === undefined || error === null ? resolve(true) : setImmediate(resolve, false),
      );
    });
  }

  /** A socket that is closing still belongs to an open link, and takes nothing any more. */
  get #canSend(): boolean {
    return this.#state === 'open' && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Closes the connection and dials no more; frames that arrived before are handed over first. */
  async stop(): Promise<void> {
    const socket = this.#socket;
    this.#state = 'stopped';
    clearTimeout(this.#redial);
    this.#stopPings();
    for (const resolve of this.#waitingForOpen.splice(0)) resolve();
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => socket.terminate(), 2_000);
      socket.once('close', () => {
        clearTimeout(force);
        resolve();
      });
      socket.resume();
      socket.close(NORMAL_CLOSE, 'shutdown');
    });
  }

  #dial(): void {
    this.#state = 'dialling';
    const connection = ulid();
    const socket = new WebSocket(this.url, {
      maxPayload: FRAME_BYTES_HARD_MAX,
      // A frame of bad UTF-8 must be refused by us, with its bytes kept; the library would close the link.
      skipUTF8Validation: true,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#socket = socket;
    socket.on('open', () => {
      this.#state = 'open';
      this.#connection = connection;
      this.#attempt = 0;
      if (this.#paused) socket.pause();
      this.#startPings(socket);
      this.#options.logger.info({ source: this.name, connection }, 'communicator.source.connected');
      this.#options.onOpen(connection);
      for (const resolve of this.#waitingForOpen.splice(0)) resolve();
    });
    socket.on('message', (data, isBinary) => {
      // nodebuffer is the library's default: one Buffer per message.
      this.#options.onFrame({ bytes: data as Buffer, isBinary }, connection);
    });
    socket.on('pong', () => clearTimeout(this.#pong));
    socket.on('error', (error) => {
      this.#lastError = error.message;
    });
    socket.on('close', (code, reason) => this.#closed(connection, code, reason.toString('utf8')));
  }

  #closed(connection: string, code: number, reason: string): void {
    const wasOpen = this.#connection === connection;
    this.#stopPings();
    if (wasOpen) {
      this.#connection = '';
      this.#lastError = `closed with code ${code}${reason === '' ? '' : ` (${reason})`}`;
      this.#options.onClose(connection, code, reason);
    }
    if (this.#state === 'stopped') return;
    this.#state = 'waiting';
    this.#attempt += 1;
    const delayMs = backoffMs(this.#attempt, DIAL_BACKOFF);
    this.#options.logger.warn(
      { source: this.name, attempt: this.#attempt, delayMs, reason: this.#lastError },
      'communicator.source.away',
    );
    this.#redial = setTimeout(() => this.#dial(), delayMs);
  }

  #startPings(socket: WebSocket): void {
    this.#ping = setInterval(() => {
      if (this.#paused) return;
      socket.ping();
      this.#pong = setTimeout(() => {
        this.#lastError = `no pong within ${PONG_TIMEOUT_MS} ms`;
        socket.terminate();
      }, PONG_TIMEOUT_MS);
    }, PING_INTERVAL_MS);
  }

  #stopPings(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#pong);
  }
}

/** The name of a source: host, port and path of its url, without credentials or query. */
export function sourceName(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname === '/' ? '' : pathname}`;
}

/** Each source's url by its name. Two of the same name would be one account, so they are refused. */
export function namedSources(urls: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const url of urls) {
    if (!URL.canParse(url) || url.includes('#')) {
      throw new PmcError('PMC_CONFIG_INVALID', `PMC_SOURCES has ${url}, which is not a URL without a fragment`, {
        url,
      });
    }
    const name = sourceName(url);
    if (named.has(name)) {
      const message = `PMC_SOURCES has two sources named ${name}; sources must differ in host, port or path`;
      throw new PmcError('PMC_CONFIG_INVALID', message, { name });
    }
    named.set(name, url);
  }
  return named;
}
