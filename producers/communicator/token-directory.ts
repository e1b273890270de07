// What the gateway asks about a token, in the protocol's words, answered from what is known (service/live-tokens.ts), at once but for a
// token that nobody knows.
// It owns its one connection to the database, and says how many tokens are known, how old that knowledge is, and what it
// answered. A token that is revoked or expires is reported within five seconds, while the database answers.
import type { Counter, Registry } from 'prom-client';
import type { ProtocolErrorName } from '../../schemas/protocol/codes.ts';
import { pause } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import { createPool, type Pool } from '../../service/database.ts';
import type { Health } from '../../service/health.ts';
import { LiveTokens } from '../../service/live-tokens.ts';
import type { Logger } from '../../service/logger.ts';
import type { LiveToken, TokenFinding } from '../../service/token-cache.ts';
import { tokenMetrics } from './metrics.ts';

const STOP_MAX_MS = 1_000;

type Refusal = Extract<ProtocolErrorName, 'unauthorized' | 'tokenExpired' | 'internal'>;

export type TokenVerdict =
  | ({ readonly ok: true } & LiveToken)
  /** `internal` passes: the database has not answered. */
  | { readonly ok: false; readonly error: Refusal };

const REFUSAL: Readonly<Record<Extract<TokenFinding, { ok: false }>['reason'], Refusal>> = {
  'not-loaded': 'internal',
  mistyped: 'unauthorized',
  unknown: 'unauthorized',
  expired: 'tokenExpired',
};

export interface TokenDirectoryOptions {
  readonly databaseUrl: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly health?: Health;
  readonly metrics?: Registry;
}

export class TokenDirectory {
  readonly #pool: Pool;
  readonly #tokens: LiveTokens;
  readonly #checks: Counter<'outcome'> | undefined;

  /** Returns at once, whether the database answers or not. */
  static start(options: TokenDirectoryOptions): TokenDirectory {
    return new TokenDirectory(options);
  }

  private constructor({ databaseUrl, logger, clock, health, metrics }: TokenDirectoryOptions) {
    this.#pool = createPool(databaseUrl, logger, 1);
    this.#tokens = LiveTokens.start({ pool: this.#pool, logger, clock });
    this.#checks = metrics && tokenMetrics(metrics, this.#tokens);
    health?.fact('tokens', () => ({ known: this.#tokens.size, ageMs: this.#tokens.ageMs ?? null }));
  }

  /** By what is known; one that is not known is asked for, as it may have been made a moment ago. */
  async check(token: string): Promise<TokenVerdict> {
    let found = this.#tokens.find(token);
    if (!found.ok && found.reason === 'unknown') {
      // Nobody must be told for good that a token is unknown because the database was not asked.
      found = (await this.#tokens.lookUp(token)) ? this.#tokens.find(token) : { ok: false, reason: 'not-loaded' };
    }
    this.#checks?.inc({ outcome: found.ok ? 'granted' : found.reason });
    return found.ok ? { ok: true, ...found.token } : { ok: false, error: REFUSAL[found.reason] };
  }

  /** Called once for each token that ends: revoked, expired, altered or deleted. Its sessions have to end. */
  onRevoked(listener: (tokenId: string) => void): void {
    this.#tokens.onEnded(listener);
  }

  /** A database that does not answer holds nothing up for long. */
  async stop(): Promise<void> {
    this.#tokens.stop();
    const ended = new AbortController();
    const end = this.#pool.end().finally(() => ended.abort());
    await Promise.race([end, pause(STOP_MAX_MS, ended.signal)]);
  }
}
