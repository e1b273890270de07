// The users' port: WebSockets that we accept. Each speaks pmc.v1 or is closed with a code that says what is wrong; who they are is
// asked at hello. Bounded: connections in all and for each subject, handshakes by origin and in time, those who have not said hello
// (strangers.ts), sockets that are no user's (spare-sockets.ts), and the pieces of a frame.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { ulid } from 'ulid';
import { type WebSocket, WebSocketServer } from 'ws';
import { PROTOCOL_LIMITS, SUBPROTOCOL } from '../../schemas/protocol/codes.ts';
import type { Hello } from '../../schemas/protocol/frames.ts';
import type { Clock } from '../../service/clock.ts';
import { type Address, portError } from '../../service/health-server.ts';
import type { Admission, Admit } from './admission.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import { isAllowedOrigin } from './origins.ts';
import { Session } from './session.ts';
import type { SessionDeps } from './session-options.ts';
import { SpareSockets } from './spare-sockets.ts';
import { Strangers } from './strangers.ts';
import { type PauseReason, Wire } from './wire.ts';

export interface UsersPortOptions {
  readonly address: Address;
  readonly origins: readonly string[];
  readonly connectionsMax: number;
  readonly connectionsPerSubject: number;
  /** Others than LIMITS. */
  readonly limits?: Partial<typeof LIMITS> | undefined;
  readonly session: SessionDeps;
  readonly metrics: CommunicatorMetrics;
  readonly clock: Clock;
  /** Who this is, by the token in its hello. */
  readonly admit: Admit;
}

interface User {
  readonly session: Session;
  readonly wire: Wire;
}

type Refusal = 'version' | 'forbidden' | 'full' | 'silent';

const UPGRADE_REQUIRED = 426;
/** However few bytes are in it, a fragment takes a hundred. */
const FRAGMENTS_MAX = 256;
/** Nor does a piece of a frame that the network brought, until the frame is whole. The largest has 2,000 of the smallest that are usual. */
const PIECES_MAX = 4_096;
/** Above all that there may be: whoever comes is taken before the one that goes for it is gone. */
const MORE_SOCKETS = 100;
const LIMITS = {
  /** Until a socket is a WebSocket; how often that is looked at. */
  handshakeMs: 10_000,
  checkMs: 2_000,
  /** Sockets beside those of users: of handshakes, and of those who are told why they do not get in. */
  spareSockets: 1_000,
  /** Users that have not said hello. */
  silentMax: 10_000,
};

export class UsersPort {
  readonly #options: UsersPortOptions;
  readonly #users = new Set<User>();
  readonly #strangers: Strangers;
  readonly #spare: SpareSockets;
  /** Connections of each subject. */
  readonly #ofSubject = new Map<string, number>();
  readonly #paused = new Set<PauseReason>();
  readonly #http: Server;
  readonly #server: WebSocketServer;

  private constructor(options: UsersPortOptions) {
    this.#options = options;
    const { handshakeMs, checkMs, spareSockets, silentMax } = { ...LIMITS, ...options.limits };
    this.#strangers = new Strangers(silentMax);
    // A socket without a byte counts as one without its header.
    const times = { headersTimeout: handshakeMs, requestTimeout: handshakeMs, connectionsCheckingInterval: checkMs };
    this.#http = createServer(times, (_request, response) => {
      // Whoever asks again and again would keep its place.
      const headers = { 'content-type': 'text/plain', connection: 'close' };
      response.writeHead(UPGRADE_REQUIRED, headers).end('This is a WebSocket address.\n');
    });
    const noRoom = (): void => options.metrics.connectionsRefused.inc({ reason: 'sockets' });
    this.#spare = new SpareSockets(spareSockets, noRoom);
    this.#http.maxConnections = options.connectionsMax + spareSockets + MORE_SOCKETS;
    this.#http.on('drop', noRoom);
    this.#http.on('connection', (socket) => {
      socket.once('close', () => this.#spare.left(socket));
      this.#spare.add(socket, options.clock.nowMs());
    });
    this.#server = new WebSocketServer({
      server: this.#http,
      maxPayload: PROTOCOL_LIMITS.frameBytesHard,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: PIECES_MAX,
      // A frame of bad UTF-8 is refused by us with the link kept; the library would close it.
      skipUTF8Validation: true,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#server.on('connection', (socket, request) => this.#accept(socket, request));
  }

  static async open(options: UsersPortOptions): Promise<UsersPort> {
    const port = new UsersPort(options);
    const { address } = options;
    await new Promise<void>((resolve, reject) => {
      // The library takes the errors of the server that it is given, and hands them on.
      port.#server.on('error', (error) => reject(portError(error, address, 'PMC_GATEWAY_PORT')));
      port.#http.listen(address.port, address.host, resolve);
    });
    return port;
  }

  get connections(): number {
    return this.#users.size;
  }

  pause(reason: PauseReason): void {
    this.#paused.add(reason);
    for (const { wire } of this.#users) wire.pause(reason);
  }

  resume(reason: PauseReason): void {
    this.#paused.delete(reason);
    for (const { wire } of this.#users) wire.resume(reason);
  }

  tick(nowMs: number): void {
    for (const { session } of this.#users) session.tick(nowMs);
  }

  logUnavailable(retryMs: number): void {
    for (const { session } of this.#users) session.logUnavailable(retryMs);
  }

  /** Ends the sessions of a token that is valid no longer. */
  revoke(tokenId: string): void {
    for (const { session, wire } of this.#users) {
      if (session.tokenId !== tokenId) continue;
      session.error('unauthorized', 'the token is valid no longer');
      wire.close('unauthorized');
    }
  }

  /** Accepts nobody, answers what was taken as long as the log does, then closes. */
  async stop(): Promise<void> {
    this.#server.close();
    const httpClosed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    const leave = async ({ session, wire }: User): Promise<void> => {
      await session.drained();
      await wire.end('shutdown');
    };
    await Promise.all([...this.#users].map(leave));
    this.#http.closeAllConnections();
    await httpClosed;
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    const { metrics, clock } = this.#options;
    const nowMs = clock.nowMs();
    const wire = new Wire(socket, nowMs);
    // The library has closed it, and said why: too large a frame, or not WebSocket. Nobody waits for an answer to that.
    socket.on('error', () => wire.close('protocol'));
    const tcp = request.socket;
    this.#strangers.measure(wire, tcp);
    const refusal = this.#refusal(socket, request, nowMs);
    if (refusal !== undefined) {
      metrics.connectionsRefused.inc({ reason: refusal });
      return wire.close(refusal === 'silent' ? 'full' : refusal);
    }
    const connection = ulid();
    const session = new Session({
      deps: this.#options.session,
      wire,
      connection,
      admit: async (hello) => {
        this.#strangers.spoke(wire);
        const admission = await this.#admit(hello, wire);
        // It has two seconds to hear of that, and may send on.
        if (!admission.ok) this.#strangers.measure(wire, tcp);
        return admission;
      },
    });
    const user = { session, wire };
    this.#users.add(user);
    this.#spare.left(tcp);
    this.#strangers.add(wire, tcp, nowMs);
    metrics.connections.inc({ side: 'accepted' });
    for (const reason of this.#paused) wire.pause(reason);
    socket.on('message', (data, isBinary) => session.receive({ bytes: data as Buffer, isBinary }));
    socket.on('close', (code) => {
      this.#users.delete(user);
      this.#strangers.left(wire);
      metrics.connections.dec({ side: 'accepted' });
      metrics.connectionsLost.inc({ side: 'accepted', code: String(wire.closedAs?.code ?? code) });
      this.#count(session.source, -1);
      session.closed();
    });
  }

  #count(subject: string | undefined, by: 1 | -1): void {
    if (subject === undefined) return;
    const count = (this.#ofSubject.get(subject) ?? 0) + by;
    if (count > 0) this.#ofSubject.set(subject, count);
    else this.#ofSubject.delete(subject);
  }

  /** Whoever takes the place of one before it needs no other: that one may be dead without having been missed yet. */
  #replaces(subject: string, stream: string): boolean {
    for (const { session, wire } of this.#users) {
      if (session.source !== subject || session.stream !== stream || wire.isClosing) continue;
      wire.close('replaced');
      return true;
    }
    return false;
  }

  #refusal(socket: WebSocket, { headers, socket: tcp }: IncomingMessage, nowMs: number): Refusal | undefined {
    const { connectionsMax, origins, metrics } = this.#options;
    if (socket.protocol !== SUBPROTOCOL) return 'version';
    if (!isAllowedOrigin(headers.origin, origins)) return 'forbidden';
    const isFull = this.#users.size >= connectionsMax;
    if (!isFull && !this.#strangers.isFull) return undefined;
    const gone = this.#strangers.giveWay(nowMs);
    if (gone !== undefined) {
      metrics.connectionsRefused.inc({ reason: 'silent' });
      // Its close may take two seconds; the place of whoever came is the one that it has.
      this.#spare.left(tcp);
      this.#spare.add(gone, nowMs);
      return undefined;
    }
    // Some of them may be dead, and are missed within a minute: whoever finds no room is to come back.
    return isFull ? 'full' : 'silent';
  }

  async #admit(hello: Hello, wire: Wire): Promise<Admission> {
    const { admit, connectionsPerSubject } = this.#options;
    const admission = await admit(hello);
    if (!admission.ok) return admission;
    // It has left while its token was looked at: nobody would count it off again.
    if (!wire.isOpen) return { ok: false, error: 'internal', reason: 'it has left', close: 'internal' };
    const own = this.#ofSubject.get(admission.source) ?? 0;
    if (own < connectionsPerSubject || this.#replaces(admission.source, hello.stream)) {
      this.#count(admission.source, 1);
      return admission;
    }
    const reason = `${admission.source} has ${own} connections already`;
    return { ok: false, error: 'forbidden', reason, close: 'connectionLimit' };
  }
}
