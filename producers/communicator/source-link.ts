// One chat source that we dial. It owns the dialling: with jittered backoff, for ever, and who is on the other side: the first
// frame decides, a hello makes it a peer of pmc.v1, anything else a legacy one, unless the source's setting fixes it.
//
//   dialling ──open──► open ──close/error──► waiting ──backoff──► dialling          stop() ──► stopped
import { ulid } from 'ulid';
import WebSocket from 'ws';
import { PROTOCOL_LIMITS, SUBPROTOCOL } from '../../schemas/protocol/codes.ts';
import { backoffMs } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import { type Frame, parseFrame } from './parse-frame.ts';
import type { Source } from './sources.ts';
import { type PauseReason, Wire } from './wire.ts';

export type LinkState = 'dialling' | 'open' | 'waiting' | 'stopped';
export type PeerKind = 'legacy' | 'pmc.v1';

/** Whoever takes the frames of one connection. */
export interface Peer {
  receive(frame: Frame): void;
  closed(): void;
  tick?(nowMs: number): void;
  /** Nothing new is read; resolves when what was taken is answered. */
  drained?(): Promise<void>;
}

export interface SourceLinkOptions {
  readonly source: Source;
  readonly logger: Logger;
  /** For intervals. */
  readonly clock: Clock;
  readonly peer: (kind: PeerKind, wire: Wire, connection: string) => Peer;
  readonly onOpen: (connection: string) => void;
  readonly onClose: (connection: string, code: number, reason: string) => void;
}

const DIAL_BACKOFF = { initialMs: 500, maxMs: 30_000 };
/**
 * What a source has to wait for: one whose frames wait on the disk for the disk only, not for the log; one that sends again, the
 * other way round. Whoever has not said anything yet is read, to find out.
 */
const WAITS_FOR: Readonly<Record<PeerKind, PauseReason>> = { legacy: 'spool', 'pmc.v1': 'log' };
const HANDSHAKE_TIMEOUT_MS = 10_000;
/**
 * Who takes connections and ends them at once is dialled less and less often, as one that takes none. Who has said more than a greeting
 * is dialled again soon, however short it was: it may have more to say.
 */
const STEADY_MS = 5_000;
const GREETING_FRAMES = 1;

export class SourceLink {
  readonly name: string;
  readonly #options: SourceLinkOptions;
  /** Reasons that hold for every connection of this source, also the next one. */
  readonly #paused = new Set<PauseReason>();
  #state: LinkState = 'waiting';
  #socket: WebSocket | undefined;
  #wire: Wire | undefined;
  #peer: Peer | undefined;
  #kind: PeerKind | undefined;
  #meet: ((kind: PeerKind) => Peer) | undefined;
  #attempt = 0;
  #lastError: string | undefined;
  /** A plain server that knows no subprotocol answers none, and the library takes that for a failure. */
  #isOffering: boolean;
  #hasRefused = false;
  #peerByMs = 0;
  #openedMs: number | undefined;
  #framesHeard = 0;
  #redial: NodeJS.Timeout | undefined;

  constructor(options: SourceLinkOptions) {
    this.#options = options;
    this.name = options.source.name;
    this.#isOffering = options.source.protocol !== 'legacy';
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the link is not open, for people. */
  get lastError(): string | undefined {
    return this.#state === 'open' ? undefined : this.#lastError;
  }

  start(): void {
    this.#dial();
  }

  pause(reason: PauseReason): void {
    this.#paused.add(reason);
    this.#wait();
  }

  resume(reason: PauseReason): void {
    this.#paused.delete(reason);
    this.#wire?.resume(reason);
  }

  tick(nowMs: number): void {
    // Whoever says nothing counts nothing, and may still be waiting for a reply.
    if (this.#wire !== undefined && this.#peer === undefined && nowMs >= this.#peerByMs) this.#meet?.('legacy');
    if (this.#peer?.tick === undefined) this.#wire?.tick(nowMs);
    else this.#peer.tick(nowMs);
  }

  get peer(): Peer | undefined {
    return this.#peer;
  }

  /** Dials no more, settles what came and closes; frames that arrived before are handed over first. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#redial);
    await this.#peer?.drained?.();
    if (this.#wire === undefined) this.#socket?.terminate();
    else await this.#wire.end(this.#kind === 'pmc.v1' ? 'shutdown' : undefined);
  }

  #wait(): void {
    const reason = this.#kind && WAITS_FOR[this.#kind];
    if (reason !== undefined && this.#paused.has(reason)) this.#wire?.pause(reason);
  }

  #dial(): void {
    this.#state = 'dialling';
    const { source, clock } = this.#options;
    const connection = ulid();
    const socket = new WebSocket(source.url, this.#isOffering ? [SUBPROTOCOL] : [], {
      maxPayload: PROTOCOL_LIMITS.frameBytesHard,
      // A frame of bad UTF-8 must be refused by us, with its bytes kept; the library would close the link.
      skipUTF8Validation: true,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#socket = socket;
    socket.on('open', () => this.#opened(socket, new Wire(socket, clock.nowMs(), clock), connection));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#lastError = error.message;
      // The library has closed it with what is wrong; nobody waits long for an answer to that.
      this.#wire?.close('protocol');
      // Not of the network: the server answered, and not as it should.
      this.#hasRefused = this.#state === 'dialling' && error.code === undefined;
    });
    socket.on('close', (code, reason) => this.#closed(connection, code, reason.toString('utf8')));
  }

  #opened(socket: WebSocket, wire: Wire, connection: string): void {
    const { source, logger, clock, onOpen, peer } = this.#options;
    this.#peerByMs = clock.nowMs() + PROTOCOL_LIMITS.helloMs;
    const meet = (kind: PeerKind): Peer => {
      const met = peer(kind, wire, connection);
      this.#peer = met;
      this.#kind = kind;
      this.#wait();
      return met;
    };
    this.#meet = meet;
    this.#state = 'open';
    this.#wire = wire;
    this.#openedMs = clock.nowMs();
    this.#framesHeard = 0;
    logger.info({ source: this.name, connection }, 'communicator.source.connected');
    onOpen(connection);
    if (source.protocol !== 'auto') meet(source.protocol);
    socket.on('message', (data, isBinary) => {
      // nodebuffer is the library's default: one Buffer per message.
      const frame = { bytes: data as Buffer, isBinary };
      this.#framesHeard += 1;
      (this.#peer ?? meet(isHello(frame) ? 'pmc.v1' : 'legacy')).receive(frame);
    });
  }

  #closed(connection: string, code: number, reason: string): void {
    if (this.#wire !== undefined) {
      // A peer that is gone does not answer, and the library knows no code.
      const as = this.#wire.closedAs ?? { code, reason };
      this.#lastError = `closed with code ${as.code}${as.reason === '' ? '' : ` (${as.reason})`}`;
      this.#peer?.closed();
      this.#options.onClose(connection, as.code, as.reason);
    }
    this.#wire = undefined;
    this.#peer = undefined;
    this.#kind = undefined;
    this.#meet = undefined;
    if (this.#hasRefused && this.#options.source.protocol === 'auto') this.#isOffering = !this.#isOffering;
    this.#hasRefused = false;
    if (this.#state === 'stopped') return;
    this.#state = 'waiting';
    const livedMs = this.#openedMs === undefined ? 0 : this.#options.clock.nowMs() - this.#openedMs;
    this.#openedMs = undefined;
    const wasSteady = livedMs >= STEADY_MS || this.#framesHeard > GREETING_FRAMES;
    this.#framesHeard = 0;
    this.#attempt = wasSteady ? 1 : this.#attempt + 1;
    const delayMs = backoffMs(this.#attempt, DIAL_BACKOFF);
    const { logger } = this.#options;
    const about = { source: this.name, attempt: this.#attempt, delayMs, reason: this.#lastError };
    logger.warn(about, 'communicator.source.away');
    this.#redial = setTimeout(() => this.#dial(), delayMs);
  }
}

function isHello(frame: Frame): boolean {
  const parsed = parseFrame(frame);
  return parsed.ok && parsed.fields['op'] === 'hello' && parsed.fields['event'] === undefined;
}
