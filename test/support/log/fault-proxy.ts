// Stands on 127.0.0.1 in front of one broker, whose advertised address is this proxy's: what a client sends passes here, and so
// do the answers, which it knows one by one. Faults: connections that end or are reset, bytes that vanish without a word, answers
// that come late, never, torn, or changed after the broker has done what was asked.
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { pause } from '../../../service/backoff.ts';
import { correlationIdOf, Frames, type RequestHead, requestHead } from './kafka-frames.ts';

export interface Answer extends RequestHead {
  /** Which answer to this kind of request it is since the proxy began, over all connections; from 1. */
  readonly nth: number;
  readonly frame: Buffer;
}

/**
 * What becomes of an answer. `swallow`: it never comes, the connection stays. `cut`: the connection ends (FIN) instead.
 * `reset`: it breaks (RST) instead. `tear`: half of the answer comes, then it breaks. A buffer comes in its place.
 */
export type Verdict = 'pass' | 'swallow' | 'cut' | 'reset' | 'tear' | Buffer;

export type Direction = 'requests' | 'answers';

interface Connection {
  readonly client: Socket;
  readonly broker: Socket;
  /** Directions in which bytes have vanished: the stream is broken there for good. */
  readonly swallowed: Set<Direction>;
}

const PASS = (): Verdict => 'pass';
const UNCHANGED = (_head: RequestHead, frame: Buffer): Buffer => frame;
const BOTH: readonly Direction[] = ['requests', 'answers'];

export class FaultProxy {
  readonly port: number;
  readonly #brokerPort: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #answered = new Map<number, number>();
  #rule: (answer: Answer) => Verdict = PASS;
  #requests: (head: RequestHead, frame: Buffer) => Buffer = UNCHANGED;
  #swallowsNew: readonly Direction[] = [];
  #latencyMs = 0;
  #accepted = 0;

  static async listen({ port, brokerPort }: { port: number; brokerPort: number }): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port }, resolve);
    });
    return new FaultProxy(server, port, brokerPort);
  }

  private constructor(server: Server, port: number, brokerPort: number) {
    this.#server = server;
    this.port = port;
    this.#brokerPort = brokerPort;
    server.on('connection', (client) => this.#accept(client));
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections that were made since the proxy began. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Answers of this kind since the proxy began. */
  answered(apiKey: number): number {
    return this.#answered.get(apiKey) ?? 0;
  }

  /** From now on this decides about every answer. */
  onAnswer(rule: (answer: Answer) => Verdict): void {
    this.#rule = rule;
  }

  /** From now on the broker gets what this makes of every request. */
  onRequest(change: (head: RequestHead, frame: Buffer) => Buffer): void {
    this.#requests = change;
  }

  /** Ends every connection in order. */
  cut(): void {
    for (const connection of this.#connections) end(connection);
  }

  /** Breaks every connection. */
  reset(): void {
    for (const connection of this.#connections) abort(connection);
  }

  /** From now on bytes vanish on all connections, and on new ones too unless `existingOnly`; none of them is closed. */
  blackhole({
    directions = BOTH,
    existingOnly = false,
  }: {
    directions?: readonly Direction[];
    existingOnly?: boolean;
  } = {}): void {
    if (!existingOnly) this.#swallowsNew = directions;
    for (const { swallowed } of this.#connections) for (const direction of directions) swallowed.add(direction);
  }

  /** Answers take longer by this. */
  delay(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** Everything passes again. Connections that have lost bytes are reset, as by a host that has forgotten them. */
  heal(): void {
    this.#rule = PASS;
    this.#requests = UNCHANGED;
    this.#latencyMs = 0;
    this.#swallowsNew = [];
    for (const connection of this.#connections) if (connection.swallowed.size > 0) abort(connection);
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const broker = dial({ host: '127.0.0.1', port: this.#brokerPort });
    const connection: Connection = { client, broker, swallowed: new Set(this.#swallowsNew) };
    this.#connections.add(connection);
    const asked: RequestHead[] = [];
    const requests = new Frames();
    const answers = new Frames();
    for (const socket of [client, broker]) socket.setNoDelay(true).on('error', () => undefined);
    client.on('data', (chunk) => {
      for (const frame of requests.push(chunk)) {
        if (connection.swallowed.has('requests')) continue;
        const head = requestHead(frame);
        asked.push(head);
        broker.write(this.#requests(head, frame));
      }
    });
    let sent = Promise.resolve();
    broker.on('data', (chunk) => {
      for (const frame of answers.push(chunk)) {
        const head = asked.shift();
        if (head?.correlationId !== correlationIdOf(frame)) throw new Error('an answer to nothing that was asked');
        const latencyMs = this.#latencyMs;
        if (latencyMs === 0) sent = sent.then(() => this.#answer(connection, head, frame));
        else {
          const dueMs = performance.now() + latencyMs;
          sent = sent.then(() => pause(Math.max(0, dueMs - performance.now())));
          sent = sent.then(() => this.#answer(connection, head, frame));
        }
      }
    });
    client.on('close', () => {
      this.#connections.delete(connection);
      broker.destroy();
    });
    // A host that has vanished does not say that its broker has ended.
    broker.on('close', () => {
      if (!connection.swallowed.has('answers')) void sent.then(() => client.destroySoon());
    });
  }

  async #answer(connection: Connection, head: RequestHead, frame: Buffer): Promise<void> {
    const { client } = connection;
    const nth = this.answered(head.apiKey) + 1;
    this.#answered.set(head.apiKey, nth);
    if (connection.swallowed.has('answers')) return;
    const verdict = this.#rule({ ...head, nth, frame });
    switch (verdict) {
      case 'pass':
        client.write(frame);
        return;
      case 'swallow':
        return;
      case 'cut':
        end(connection);
        return;
      case 'reset':
        abort(connection);
        return;
      case 'tear':
        await new Promise((resolve) => client.write(frame.subarray(0, frame.length >> 1), resolve));
        // The half must have been read: what a reset overtakes is thrown away.
        await pause(20);
        abort(connection);
        return;
      default:
        client.write(verdict);
    }
  }
}

function end({ client, broker, swallowed }: Connection): void {
  swallowed.add('answers');
  client.end();
  broker.destroy();
}

function abort({ client, broker, swallowed }: Connection): void {
  swallowed.add('answers');
  client.resetAndDestroy();
  broker.destroy();
}
