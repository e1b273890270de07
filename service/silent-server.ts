// A statement that is sent to a server which has vanished gets no answer and no error: the kernel sends it again for a quarter of an hour,
// and a machine that hangs takes it and keeps silent for ever. So who waits without hearing anything asks, with another connection
// to the same address, whether the server still says anything at all; where it twice does not, what waits fails, and is tried again as
// after any lost connection. A server that only takes long answers that.
import { connect, type Socket } from 'node:net';
import type pg from 'pg';
import { PmcError } from './errors.ts';

export interface SilenceOptions {
  /** So long nothing may be heard before it is asked, and from one question to the next. */
  readonly silentMs: number;
  /** So long an answer may take; less than `silentMs`. */
  readonly answerMs: number;
}

interface Waiting {
  bytesRead: number;
  sinceMs: number;
  unanswered: number;
}

const QUESTIONS = 2;
const LOOKS = 4;
/** "Do you speak TLS?", the one message to which a server says yes or no before it knows who asks. */
const QUESTION = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** That nobody is there; all else is trouble of our own, which says nothing of the server. */
const NOBODY: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

export class SilentServer {
  readonly #options: SilenceOptions;
  readonly #waiting = new Map<pg.Client, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** From now on the client, which is connected, may be waiting for an answer. */
  begin(client: pg.Client): void {
    this.#waiting.set(client, { bytesRead: socketOf(client).bytesRead, sinceMs: performance.now(), unanswered: 0 });
    this.#timer ??= setInterval(() => this.#look(), this.#options.silentMs / LOOKS).unref();
  }

  end(client: pg.Client): void {
    this.#waiting.delete(client);
  }

  #look(): void {
    // Stopped here and not when the last wait ends: the next one begins at once.
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    const nowMs = performance.now();
    const silent = [...this.#waiting].filter(
      ([client, waiting]) => !hasHeard(client, waiting, nowMs) && nowMs - waiting.sinceMs >= this.#options.silentMs,
    );
    const [first] = silent;
    if (first !== undefined && !this.#isAsking) void this.#askFor(silent, socketOf(first[0]), nowMs);
  }

  /** One question for all of them: a pool has one server. */
  async #askFor(silent: readonly (readonly [pg.Client, Waiting])[], socket: Socket, nowMs: number): Promise<void> {
    this.#isAsking = true;
    for (const [, waiting] of silent) waiting.sinceMs = nowMs;
    const isThere = await isAnybodyAt(socket, this.#options.answerMs);
    this.#isAsking = false;
    for (const [client, waiting] of silent) {
      if (this.#waiting.get(client) !== waiting || hasHeard(client, waiting, performance.now())) continue;
      waiting.unanswered = isThere ? 0 : waiting.unanswered + 1;
      if (waiting.unanswered < QUESTIONS) continue;
      this.#waiting.delete(client);
      const message = 'PostgreSQL says nothing and answers no other connection; DATABASE_URL names it';
      socketOf(client).destroy(new PmcError('PMC_DATABASE_UNREACHABLE', message));
    }
  }
}

/** Whether anything came since it was last looked at. */
function hasHeard(client: pg.Client, waiting: Waiting, nowMs: number): boolean {
  const { bytesRead } = socketOf(client);
  if (bytesRead === waiting.bytesRead) return false;
  Object.assign(waiting, { bytesRead, sinceMs: nowMs, unanswered: 0 });
  return true;
}

/** Whether the other end of a socket says anything to a newcomer. True where it cannot be asked. */
async function isAnybodyAt({ remoteAddress, remotePort }: Socket, answerMs: number): Promise<boolean> {
  if (remoteAddress === undefined || remotePort === undefined) return true;
  const asking = connect({ host: remoteAddress, port: remotePort }).unref();
  const isAnybody = new Promise<boolean>((resolve) => {
    asking.once('connect', () => asking.write(QUESTION));
    asking.once('data', () => resolve(true));
    asking.once('end', () => resolve(false));
    asking.once('error', (error: NodeJS.ErrnoException) => resolve(!NOBODY.has(error.code)));
    // What has come meanwhile is read first: it may be us who stood still.
    setTimeout(() => setImmediate(resolve, false), answerMs).unref();
  });
  try {
    return await isAnybody;
  } finally {
    asking.on('error', () => undefined).destroy();
  }
}

/** Both kinds that the driver has, plain and TLS, are sockets. */
function socketOf({ connection }: pg.Client): Socket {
  return connection.stream as Socket;
}
