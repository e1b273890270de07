// The live tokens, kept up with the database: all of them at start, then every two seconds what changed, and everything again
// every few minutes (which finds lines that were altered or deleted by hand). While the database is away it goes on with what
// it knows, and says how old that is. It never blocks a start: until the first answer nobody is known.
//
// What changed is asked for by the database's time, a little overlapping: `pmc token` writes in transactions of milliseconds,
// and to hear of a change twice changes nothing.
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Pool } from './database.ts';
import { describeError } from './errors.ts';
import type { Logger } from './logger.ts';
import { type LiveToken, TokenCache, type TokenFinding } from './token-cache.ts';
import { tokenHashOf } from './token-format.ts';
import { changedTokens, FROM_THE_BEGINNING, markOfNow, type TokenMark, tokenByHash } from './token-store.ts';

const REFRESH_MS = 2_000;
const SWEEP_MS = 1_000;
const EVERYTHING_MS = 300_000;
const OVERLAP_MS = 10_000;
const PAGE_ROWS = 5_000;
const QUERY_TIMEOUT_MS = 2_000;
/** Between two questions for changes: whoever shows made-up tokens must not keep the database busy. */
const LOOK_UPS_MAX = 20;
const AWAY_BACKOFF = { initialMs: 500, maxMs: REFRESH_MS };

export interface LiveTokensOptions {
  readonly pool: Pick<Pool, 'query'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type EndListener = (tokenId: string) => void;

export class LiveTokens {
  readonly #pool: Pick<Pool, 'query'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cache = new TokenCache();
  readonly #listeners = new Set<EndListener>();
  readonly #sweeper: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #since: TokenMark | undefined;
  #everythingAtMs = Number.NEGATIVE_INFINITY;
  #refreshedAtMs: number | undefined;
  #failures = 0;
  /** Look-ups under way. */
  #lookUps = 0;
  /** Hashes that the database did not know since it was asked for changes last. */
  readonly #strangers = new Set<string>();

  static start(options: LiveTokensOptions): LiveTokens {
    return new LiveTokens(options);
  }

  private constructor({ pool, clock, logger }: LiveTokensOptions) {
    this.#pool = pool;
    this.#clock = clock;
    this.#logger = logger;
    this.#sweeper = setInterval(() => this.#ended(this.#cache.sweep(clock.nowMs())), SWEEP_MS).unref();
    void this.#refresh();
  }

  find(text: string): TokenFinding {
    return this.#cache.find(text, this.#clock.nowMs());
  }

  /**
   * Of one that `find` calls unknown: it may have been made since the database was asked last. Returns whether the database has
   * said what it is, so that `find` is right now; false where it does not answer, or was asked too often for strangers.
   */
  async lookUp(text: string): Promise<boolean> {
    const hash = tokenHashOf(text);
    if (this.#strangers.has(hash)) return true;
    if (this.#strangers.size + this.#lookUps >= LOOK_UPS_MAX) return false;
    this.#lookUps += 1;
    try {
      const row = await tokenByHash(this.#pool, hash, { timeoutMs: QUERY_TIMEOUT_MS });
      // One that is over is as good as none: it will not be found in the cache either.
      if (row === undefined || row.isRevoked) this.#strangers.add(hash);
      if (row !== undefined) this.#ended(this.#cache.apply([row]));
      return true;
    } catch (error) {
      this.#logger.debug({ error: describeError(error) }, 'tokens.look-up.failed');
      return false;
    } finally {
      this.#lookUps -= 1;
    }
  }

  liveById(tokenId: string): LiveToken | undefined {
    return this.#cache.liveById(tokenId, this.#clock.nowMs());
  }

  /** Called once for each token that was live and is not any more: revoked, expired, altered or deleted. */
  onEnded(listener: EndListener): void {
    this.#listeners.add(listener);
  }

  get size(): number {
    return this.#cache.size;
  }

  /** Milliseconds since the database was last heard; undefined before the first time. */
  get ageMs(): number | undefined {
    return this.#refreshedAtMs === undefined ? undefined : Math.max(0, this.#clock.nowMs() - this.#refreshedAtMs);
  }

  /** A query that is under way may still end, for nothing; the pool may be ended at once. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#sweeper);
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    let waitMs = REFRESH_MS;
    try {
      await this.#read();
      this.#strangers.clear();
      if (this.#failures > 0) this.#logger.info({ failures: this.#failures }, 'tokens.database.back');
      this.#failures = 0;
    } catch (error) {
      if (this.#isStopped) return;
      this.#failures += 1;
      waitMs = backoffMs(this.#failures, AWAY_BACKOFF);
      const details = { error: describeError(error), ageMs: this.ageMs };
      if (this.#failures === 1) this.#logger.warn(details, 'tokens.database.away');
      else this.#logger.debug(details, 'tokens.database.away');
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref();
  }

  async #read(): Promise<void> {
    const startedAtMs = this.#clock.nowMs();
    const [limit, timeoutMs] = [PAGE_ROWS, QUERY_TIMEOUT_MS];
    const since = await markOfNow(this.#pool, { lessMs: OVERLAP_MS, timeoutMs });
    const isEverything = this.#since === undefined || startedAtMs - this.#everythingAtMs >= EVERYTHING_MS;
    const seen = new Set<string>();
    let from: TokenMark | undefined = isEverything ? FROM_THE_BEGINNING : this.#since;
    while (from !== undefined && !this.#isStopped) {
      const { rows, next } = await changedTokens(this.#pool, from, { withRevoked: !isEverything, limit, timeoutMs });
      if (isEverything) for (const { tokenId } of rows) seen.add(tokenId);
      this.#ended(this.#cache.apply(rows));
      from = next;
    }
    if (this.#isStopped) return;
    if (isEverything) {
      this.#ended(this.#cache.keepOnly(seen));
      this.#everythingAtMs = startedAtMs;
    }
    this.#since = since;
    this.#refreshedAtMs = startedAtMs;
  }

  #ended(tokenIds: readonly string[]): void {
    for (const tokenId of tokenIds) for (const listener of this.#listeners) listener(tokenId);
  }
}
