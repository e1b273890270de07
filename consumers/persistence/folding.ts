// Folds stored rows into message_state and conversations, behind the store and never in its way: a partition at a time, from where
// its position in the database is to where its coverage is, in a transaction of its own. The position moves in the same
// transaction, so a crash repeats nothing; and a repeat would change nothing (schemas/message-state.ts). Rows that appear below
// the position set it back when they are stored (statements.ts).

import { type Backoff, backoffMs, pause } from '../../service/backoff.ts';
import type { Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { type FoldedPartition, foldSome } from './fold-some.ts';

/** How often it has a turn, at least, while the store has more important work. */
const TURN_MS = 1_000;

/** Partitions whose trouble the health check tells. */
const NAMED_MAX = 3;

interface Failing {
  /** In a row. */
  readonly times: number;
  readonly restsUntilMs: number;
  readonly why: string;
}

export interface FoldingOptions {
  readonly pool: Pool;
  readonly logger: Logger;
  readonly backoff: Backoff;
  /** Tells a health check. */
  readonly report: (check: string, ready: boolean, detail: string) => void;
  /** How many references were folded. */
  readonly onFolded: (references: number) => void;
  /** Whether the store is far behind the log: what is not yet a row goes before what follows from rows. */
  readonly isStoreBehind?: () => boolean;
}

export class Folding {
  readonly #options: Required<FoldingOptions>;
  readonly #behind = new Map<string, FoldedPartition>();
  /** Those whose last fold failed, each with a pause of its own: the others go on meanwhile. */
  readonly #failing = new Map<string, Failing>();
  /** Ends when another one comes to be behind. */
  #resting: AbortController | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastTurnMs = Number.NEGATIVE_INFINITY;

  constructor(options: FoldingOptions) {
    this.#options = { isStoreBehind: () => false, ...options };
  }

  /** Rows of this partition were stored. */
  wake({ incarnation, partition }: FoldedPartition): void {
    const name = `${incarnation}/${partition}`;
    if (!this.#behind.has(name)) this.#resting?.abort();
    this.#behind.set(name, { incarnation, partition });
    this.#run();
  }

  /** Finds what another process left behind. */
  async wakeAll(): Promise<void> {
    const { pool, logger } = this.#options;
    try {
      for (const one of (await pool.query<FoldedPartition>(BEHIND)).rows) this.wake(one);
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'persistence.fold.unknown');
    }
  }

  /** Resolves when nothing is behind any more, it was stopped, or the store goes first. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #run(): void {
    if (this.#options.isStoreBehind() && performance.now() - this.#lastTurnMs < TURN_MS) return;
    this.#running ??= this.#foldAll().finally(() => {
      this.#running = undefined;
      if (this.#behind.size > 0 && !this.#stopping.signal.aborted) this.#run();
    });
  }

  async #foldAll(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted && this.#behind.size > 0) {
      const nowMs = performance.now();
      const next = [...this.#behind].find(([name]) => this.#restMs(name, nowMs) <= 0);
      if (next === undefined) {
        const rests = [...this.#behind.keys()].map((name) => this.#restMs(name, nowMs));
        this.#resting = new AbortController();
        await pause(Math.min(...rests), AbortSignal.any([signal, this.#resting.signal]));
        continue;
      }
      await this.#fold(...next);
      this.#lastTurnMs = performance.now();
      // Whatever is stored next wakes it again, and a look every few seconds.
      if (this.#options.isStoreBehind()) return;
    }
  }

  async #fold(name: string, at: FoldedPartition): Promise<void> {
    const { pool, onFolded } = this.#options;
    const { signal } = this.#stopping;
    this.#behind.delete(name);
    try {
      const { references, isBehind } = await foldSome(pool, at, signal);
      killPoint('persistence.fold.committed');
      onFolded(references);
      if (isBehind) this.#behind.set(name, at);
      if (this.#failing.delete(name)) this.#report();
    } catch (error) {
      this.#behind.set(name, at);
      if (!signal.aborted) this.#failed(name, at, error);
    }
  }

  #failed(name: string, at: FoldedPartition, error: unknown): void {
    const { logger, backoff } = this.#options;
    const times = (this.#failing.get(name)?.times ?? 0) + 1;
    const delayMs = backoffMs(times, backoff);
    const why = `partition ${at.partition} waits: ${describeError(error)}`;
    this.#failing.set(name, { times, restsUntilMs: performance.now() + delayMs, why });
    this.#report();
    logger.warn({ ...at, attempt: times, delayMs, error: describeError(error) }, 'persistence.fold.retry');
  }

  #report(): void {
    const all = [...this.#failing.values()].map(({ why }) => why);
    const more = all.length > NAMED_MAX ? `; ${all.length - NAMED_MAX} more` : '';
    this.#options.report(
      'fold',
      all.length === 0,
      all.length === 0 ? 'goes on' : all.slice(0, NAMED_MAX).join('; ') + more,
    );
  }

  #restMs(name: string, nowMs: number): number {
    return (this.#failing.get(name)?.restsUntilMs ?? nowMs) - nowMs;
  }
}

const BEHIND = `
  select incarnation, partition from coverage left join fold_positions using (incarnation, partition)
  where coalesce(next_offset, 0) < upper_offset`;
