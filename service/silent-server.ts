// A statement that is sent to a server which has vanished gets no answer and no error: the kernel sends it again for a quarter of an hour,
// and a machine that hangs takes it and keeps silent for ever. So who waits without hearing anything asks, with another connection,
// whether the server still lets anybody in; where it twice does not, what waits fails, and is tried again as after any lost
// connection. A server that only takes long answers the other connection.
import type { Socket } from 'node:net';
import pg from 'pg';
import { PmcError } from './errors.ts';

export interface SilenceOptions {
  /** So long nothing may be heard before it is asked, and between two questions. */
  readonly silentMs: number;
  /** So long a question may take. */
  readonly answerMs: number;
}

interface Waiting {
  bytesRead: number;
  sinceMs: number;
  unanswered: number;
}

const QUESTIONS = 2;

export class SilentServer {
  readonly #connection: pg.ClientConfig;
  readonly #options: SilenceOptions;
  readonly #waiting = new Map<pg.Client, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  /** `connection`: how the question connects. */
  constructor(connection: pg.ClientConfig, options: SilenceOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** From now on the client, which is connected, may be waiting for an answer. */
  begin(client: pg.Client): void {
    this.#waiting.set(client, { bytesRead: bytesReadOf(client), sinceMs: performance.now(), unanswered: 0 });
    this.#timer ??= setInterval(() => this.#look(), this.#options.silentMs / 2).unref();
  }

  end(client: pg.Client): void {
    this.#waiting.delete(client);
  }

  #look(): void {
    // And not when the last of them ends: the next one begins at once.
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    const nowMs = performance.now();
    for (const [client, waiting] of this.#waiting) {
      const bytesRead = bytesReadOf(client);
      if (bytesRead !== waiting.bytesRead) Object.assign(waiting, { bytesRead, sinceMs: nowMs, unanswered: 0 });
    }
    const silent = [...this.#waiting].filter(([, { sinceMs }]) => nowMs - sinceMs >= this.#options.silentMs);
    if (silent.length > 0 && !this.#isAsking) void this.#askFor(silent);
  }

  /** One question for all of them. */
  async #askFor(silent: readonly (readonly [pg.Client, Waiting])[]): Promise<void> {
    this.#isAsking = true;
    for (const [, waiting] of silent) waiting.sinceMs = performance.now();
    const isThere = await this.#isThere();
    this.#isAsking = false;
    for (const [client, waiting] of silent) {
      waiting.unanswered = isThere ? 0 : waiting.unanswered + 1;
      if (waiting.unanswered < QUESTIONS || this.#waiting.get(client) !== waiting) continue;
      this.#waiting.delete(client);
      const message = 'PostgreSQL says nothing and takes no other connection; DATABASE_URL names it';
      streamOf(client).destroy(new PmcError('PMC_DATABASE_UNREACHABLE', message));
    }
  }

  /** Whether it answers a new connection, with whatever: one that takes no more of them is there as well. */
  async #isThere(): Promise<boolean> {
    const client = new pg.Client({ ...this.#connection, connectionTimeoutMillis: this.#options.answerMs });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return bytesReadOf(client) > 0;
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}

/** Both kinds that the driver has, plain and TLS, are sockets. */
function streamOf({ connection }: pg.Client): Socket {
  return connection.stream as Socket;
}

function bytesReadOf(client: pg.Client): number {
  return streamOf(client).bytesRead;
}
