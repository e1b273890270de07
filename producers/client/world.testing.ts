// A client's state, a model gateway and the link between them, in virtual time, for tests: frames arrive when the test says so, the link
// breaks, batches become durable or are lost in a crash, and everything that was promised is written down.

import type { PmcError } from '../../service/errors.ts';
import type { Batch, Notice } from './actions.ts';
import { ClientState } from './client-state.ts';
import { readKept } from './kept.ts';
import { ModelGateway } from './model-gateway.testing.ts';
import type { Outcome } from './outcome.ts';

export class World {
  readonly gateway = new ModelGateway();
  readonly store = new Map<string, string>();
  /** Every text that was durable at some time. */
  readonly everStored = new Set<string>();
  /** What callers were told, a list for each life of the client. */
  readonly told: Outcome[][] = [];
  readonly offered: { readonly life: number; readonly ticket: number; readonly id: string }[] = [];
  readonly handled: string[] = [];
  readonly notices: Notice[] = [];
  /** Whether the handler works. */
  isHandling = true;
  ended: PmcError | undefined;
  client: ClientState;
  nowMs = 0;
  #up: string[] = [];
  #batch: Batch | undefined;
  #isLinked = false;
  #names = 0;

  constructor() {
    this.client = this.#begin();
  }

  offer(event = 'message'): void {
    const id = `e${++this.#names}`;
    const missing = { id, timestamp: 'now' };
    const offered = this.client.offer({ event, content: 'x' }, missing, this.nowMs);
    if (!offered.ok) throw new Error(offered.reason);
    this.offered.push({ life: this.told.length - 1, ticket: offered.ticket, id });
    this.#act();
  }

  /** The store has finished what it was given. */
  store1(): void {
    const batch = this.#batch ?? this.client.takeBatch();
    this.#batch = undefined;
    if (batch === undefined) return;
    this.#keep(batch);
    this.client.stored(batch, this.nowMs);
    this.#act();
  }

  /** What the gateway would never say by itself. */
  hear(frame: object): void {
    this.client.received(JSON.stringify(frame), this.nowMs);
    this.#act();
  }

  /** What was said and has not arrived. */
  get said(): readonly Readonly<Record<string, unknown>>[] {
    return this.#up.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);
  }

  /** Up to `count` frames arrive at the gateway. */
  up(count: number): void {
    for (const text of this.#up.splice(0, count)) {
      const { event, ids = [] } = JSON.parse(text) as { event?: string; ids?: string[] };
      if (event !== undefined && !this.everStored.has(text)) throw new Error(`sent before it was durable: ${text}`);
      for (const id of ids)
        if (this.#kept(id) === false) throw new Error(`acknowledged before that was durable: ${id}`);
      this.gateway.receive(text);
    }
  }

  down(count: number): void {
    for (const text of this.gateway.down.splice(0, count)) {
      this.client.received(text, this.nowMs);
      this.#act();
    }
  }

  /** What is on its way is lost, in both directions. */
  cut(code = 1_006): void {
    if (!this.#isLinked) return;
    this.#unlink();
    this.client.closed({ code, reason: '' }, this.nowMs);
    this.#act();
  }

  crash({ isLastBatchDurable = false } = {}): void {
    if (isLastBatchDurable && this.#batch !== undefined) this.#keep(this.#batch);
    this.#batch = undefined;
    this.#unlink();
    this.client = this.#begin();
  }

  /** To the next moment at which the client has something to do. */
  wait(): void {
    const { dueMs } = this.client;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.nowMs = Math.max(this.nowMs, dueMs);
    this.client.tick(this.nowMs);
    this.#act();
  }

  /** Nothing goes wrong any more, until nothing moves. */
  settle(): void {
    this.gateway.refusals = 0;
    this.gateway.release();
    for (let round = 0; round < 2_000; round++) {
      this.store1();
      this.up(1_000);
      this.down(1_000);
      if (this.client.status.kept === 0 && this.client.status.toHandle === 0 && this.#isQuiet && round > 5) return;
      if (this.#isQuiet) this.wait();
    }
    throw new Error(`does not settle: ${JSON.stringify(this.client.status)}`);
  }

  /** Whether a kept dispatch is marked as handled; undefined: it is not kept. */
  #kept(id: string): boolean | undefined {
    for (const [key, text] of this.store) {
      if (!key.startsWith('dispatch/')) continue;
      const kept = JSON.parse(text) as { id: string; isHandled: boolean };
      if (kept.id === id) return kept.isHandled;
    }
    return undefined;
  }

  get #isQuiet(): boolean {
    return (
      this.#up.length === 0 && this.gateway.down.length === 0 && !this.client.hasChanges && this.#batch === undefined
    );
  }

  #begin(): ClientState {
    const kept = readKept(this.store);
    const counter = kept.counter ?? { stream: 's', epoch: this.#newEpoch(), last: 0 };
    const client = new ClientState({ kept, counter, newEpoch: () => this.#newEpoch(), random: () => 0.5 });
    this.told.push([]);
    this.client = client;
    client.start(this.nowMs);
    this.#act();
    return client;
  }

  #newEpoch(): string {
    return `epoch-${++this.#names}`;
  }

  #keep({ changes }: Batch): void {
    for (const [key, text] of changes) {
      if (text === undefined) this.store.delete(key);
      else {
        this.store.set(key, text);
        this.everStored.add(text);
      }
    }
  }

  #unlink(): void {
    this.#isLinked = false;
    this.#up = [];
    this.gateway.connectionEnded();
  }

  #act(): void {
    for (let actions = this.client.take(); actions.length > 0; actions = this.client.take()) {
      for (const action of actions) {
        if (action.do === 'say') this.#up.push(action.text);
        else if (action.do === 'hang-up') this.#unlink();
        else if (action.do === 'tell') this.told.at(-1)?.push(action.outcome);
        else if (action.do === 'notice') this.notices.push(action.notice);
        else if (action.do === 'hand') {
          const id = action.dispatch.id ?? '';
          if (this.#kept(id) !== false) throw new Error(`handed out before it was durable: ${id}`);
          if (this.isHandling) {
            this.handled.push(id);
            this.client.handled(this.nowMs);
          } else this.client.handlingFailed(new Error('not now'), this.nowMs);
        } else if (action.do === 'dial') {
          this.#isLinked = true;
          this.client.opened(undefined, this.nowMs);
        } else if (action.do === 'end') this.ended = action.error;
      }
    }
    // A write begins at once and ends when the test says so.
    this.#batch ??= this.client.takeBatch();
  }
}

/** Welcome, with everything durable. */
export function joined(offers = 0): World {
  const world = new World();
  for (let index = 0; index < offers; index++) world.offer();
  for (let index = 0; index < 4; index++) {
    world.store1();
    world.up(1_000);
    world.down(1_000);
  }
  return world;
}
