// A client of the gateway, in pages and in Node: joins the state to a socket, a store, a clock and the callers. It imports nothing
// that only one of the two has.
//
// What is sent is kept in the store first, sent until it is acknowledged, across connections and across restarts, and told to its
// caller once. A dispatch is kept before it is handled, handled once in the life of the store as far as its reply id tells,
// and acknowledged after that; a crash in the middle of a handler hands it out again.
import { PmcError } from '../../service/errors.ts';
import type { Action } from './actions.ts';
import { type ClientOptions, checkUrl, counterOf } from './client-options.ts';
import { ClientState } from './client-state.ts';
import type { ClientEvent } from './event-text.ts';
import type { Dispatch } from './inbox.ts';
import { type Counter, type Kept, readKept } from './kept.ts';
import { Line } from './line.ts';
import type { Outcome } from './outcome.ts';
import { newUlid } from './ulid.ts';

export type Acknowledgement = Extract<Outcome, { ok: true }>;

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: PmcError) => void;
}

const OUTBOX_MAX = 10_000;
const OUTBOX_BYTES_MAX = 33_554_432;
const WAITING_MAX = 10_000;

/** Opens the store and begins to connect; does not wait for the gateway. */
export async function connect(options: ClientOptions): Promise<Client> {
  checkUrl(options.url);
  const kept = readKept(await options.store.open());
  try {
    return new Client(options, kept, counterOf(kept, options.stream, newUlid));
  } catch (error) {
    await options.store.close();
    throw error;
  }
}

export class Client {
  readonly #options: ClientOptions;
  readonly #state: ClientState;
  readonly #line: Line;
  readonly #callers = new Map<number, Waiting<Acknowledgement>>();
  /** For room. */
  #waiters: Waiting<void>[] = [];
  /** For the outbox to be empty. */
  #idle: Waiting<void>[] = [];
  #isActing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
  #handling: Promise<void> | undefined;
  #ended: PmcError | undefined;
  readonly #end = Promise.withResolvers<PmcError>();
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions, kept: Kept, counter: Counter) {
    this.#options = options;
    this.#state = new ClientState({ kept, counter, newEpoch: newUlid, random: Math.random });
    const { url, token, WebSocket: Socket = globalThis.WebSocket } = options;
    this.#line = new Line(
      { url, token, Socket },
      {
        opened: (hello) => this.#happened(() => this.#state.opened(hello, now())),
        received: (data) => this.#happened(() => this.#state.received(data, now())),
        closed: (ending) => this.#happened(() => this.#state.closed(ending, now())),
      },
    );
    this.#state.start(now());
    this.#act();
  }

  /** Why it has ended: it was closed, the gateway wants it no more, or its store has failed. */
  get ended(): Promise<PmcError> {
    return this.#end.promise;
  }

  get status() {
    return { ...this.#state.status, waiting: this.#waiters.length };
  }

  /**
   * Sends an event. Resolves when the gateway has acknowledged it, with its coordinates on the log; while the outbox is full, it first
   * waits for room. Rejects when the event cannot be one (PMC_CLIENT_EVENT_INVALID), was refused for good (PMC_CLIENT_REFUSED), or
   * when the client ends before that: then the event stays in the store, and the next client on it sends it.
   */
  send(event: ClientEvent): Promise<Acknowledgement> {
    return new Promise((resolve, reject) => {
      const offer = (given: unknown): void => {
        const missing = { id: newUlid(), timestamp: new Date().toISOString() };
        const offered = this.#state.offer(given, missing, now());
        if (offered.ok) this.#callers.set(offered.ticket, { resolve, reject });
        else reject(new PmcError('PMC_CLIENT_EVENT_INVALID', offered.reason));
      };
      if (this.#ended !== undefined) reject(this.#ended);
      else if (this.#hasRoom && this.#waiters.length === 0) {
        offer(event);
        this.#act();
      } else if (this.#waiters.length >= WAITING_MAX) {
        reject(new PmcError('PMC_CLIENT_FULL', `${WAITING_MAX} events wait for room in the outbox already`));
      } else {
        // As it is now: the caller may go on changing it.
        const copy = copyOf(event);
        this.#waiters.push({ resolve: () => offer(copy), reject });
      }
    });
  }

  /** Resolves when `send` need not wait. */
  room(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#hasRoom && this.#waiters.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Resolves when nothing is left that is neither acknowledged nor refused. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended);
      else this.#idle.push({ resolve, reject });
      this.#act();
    });
  }

  /** Ends; waits for the handler that runs and for the store. What is not acknowledged stays there. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#state.end(
      new PmcError('PMC_CLIENT_CLOSED', 'the client was closed before the gateway had acknowledged this'),
    );
    this.#act();
    await this.#handling;
    this.#act();
    await this.#writing;
    await this.#options.store.close();
  }

  get #hasRoom(): boolean {
    const { outboxMax = OUTBOX_MAX, outboxBytesMax = OUTBOX_BYTES_MAX } = this.#options;
    const { kept, keptBytes } = this.#state.status;
    return kept < outboxMax && keptBytes < outboxBytesMax;
  }

  /** Does what the state wants done, until it wants nothing more. */
  #act(): void {
    // Called from a callback: the loop that called it goes on.
    if (this.#isActing) return;
    this.#isActing = true;
    do {
      for (let actions = this.#state.take(); actions.length > 0; actions = this.#state.take())
        for (const action of actions) this.#do(action);
    } while (this.#letOneIn());
    this.#isActing = false;
    if (this.#state.hasChanges) this.#writing ??= this.#write();
    this.#wake();
  }

  /** Whether somebody was waiting for room, and got it. */
  #letOneIn(): boolean {
    const { kept } = this.#state.status;
    if (kept === 0 && this.#waiters.length === 0) for (const { resolve } of this.#idle.splice(0)) resolve();
    if (this.#ended !== undefined || !this.#hasRoom) return false;
    const [first] = this.#waiters.splice(0, 1);
    first?.resolve();
    return first !== undefined;
  }

  #wake(): void {
    clearTimeout(this.#timer);
    const dueInMs = this.#state.dueMs - now();
    if (dueInMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#happened(() => this.#state.tick(now())), Math.max(0, Math.ceil(dueInMs)));
  }

  #happened(change: () => void): void {
    change();
    this.#act();
  }

  #do(action: Action): void {
    switch (action.do) {
      case 'dial':
        void this.#line.dial();
        return;
      case 'say':
        this.#line.say(action.text);
        return;
      case 'hang-up':
        this.#line.hangUp(action);
        return;
      case 'tell':
        this.#tell(action.outcome);
        return;
      case 'hand':
        this.#handling = this.#handle(action.dispatch);
        return;
      case 'notice':
        this.#callBack(this.#options.onNotice, action.notice);
        return;
      case 'end':
        this.#endWith(action.error);
        return;
    }
  }

  async #handle(dispatch: Dispatch): Promise<void> {
    try {
      await this.#options.onDispatch(dispatch);
      this.#state.handled(now());
    } catch (error) {
      this.#state.handlingFailed(error, now());
    }
    this.#act();
  }

  /** Everything that is to be durable, one batch after the other; what gathers meanwhile is the next batch. */
  async #write(): Promise<void> {
    try {
      // What is sent in one go becomes one batch.
      await Promise.resolve();
      for (;;) {
        const batch = this.#state.takeBatch();
        if (batch === undefined) break;
        await this.#options.store.write(batch.changes);
        this.#happened(() => this.#state.stored(batch, now()));
      }
      this.#writing = undefined;
    } catch (error) {
      // The writing that failed stays, so that none begins behind it: a later batch without this one would leave holes.
      this.#state.end(error instanceof PmcError ? error : storeFailed(error));
    }
    this.#act();
  }

  #tell(outcome: Outcome): void {
    const caller = this.#callers.get(outcome.ticket);
    this.#callers.delete(outcome.ticket);
    if (outcome.ok) caller?.resolve(outcome);
    else caller?.reject(new PmcError('PMC_CLIENT_REFUSED', `${outcome.code}: ${outcome.reason}`, { ...outcome }));
    this.#callBack(this.#options.onOutcome, outcome);
  }

  #endWith(error: PmcError): void {
    this.#ended = error;
    this.#end.resolve(error);
    clearTimeout(this.#timer);
    const waiting = [...this.#callers.values(), ...this.#waiters, ...this.#idle];
    this.#callers.clear();
    this.#waiters = [];
    this.#idle = [];
    for (const { reject } of waiting) reject(error);
  }

  /** An error of the user's own must not break the client. */
  #callBack<T>(callback: ((value: T) => void) | undefined, value: T): void {
    try {
      callback?.(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function storeFailed(error: unknown): PmcError {
  const why = error instanceof Error ? error.message : String(error);
  return new PmcError('PMC_CLIENT_STORE_FAILED', `the store cannot be written: ${why}`, {}, { cause: error });
}

function copyOf(event: unknown): unknown {
  try {
    return structuredClone(event);
  } catch {
    // It cannot be written as JSON either, which is said when its turn comes.
    return event;
  }
}

/** Never goes back, unlike the time of day. */
function now(): number {
  return performance.now();
}
