// The tokens that are live, as one process knows them: found by the hash of what a peer shows, or by id. The database is asked
// for what changed and this is told; judging a token never waits for anything. Pure.
import { isToken, type TokenRole, tokenHashOf } from './token-format.ts';

/** Expired tokens are known for so long, to be called expired and not unknown. */
export const EXPIRED_KEPT_MS = 30 * 86_400_000;

export interface LiveToken {
  readonly tokenId: string;
  /** Whose it is. */
  readonly subject: string;
  readonly role: TokenRole;
  readonly expiresAtMs: number | null;
}

/** A line of the table of tokens, as far as it matters here. */
export interface TokenRow extends LiveToken {
  /** SHA-256, base64. */
  readonly hash: string;
  readonly isRevoked: boolean;
}

export type TokenFinding =
  | { readonly ok: true; readonly token: LiveToken }
  /** `revoked` ones are unknown: nothing is kept of them. */
  | { readonly ok: false; readonly reason: 'not-loaded' | 'mistyped' | 'unknown' | 'expired' };

interface Entry {
  readonly hash: string;
  readonly token: LiveToken;
  /** Its end was reported. */
  isOver: boolean;
}

export class TokenCache {
  readonly #byHash = new Map<string, Entry>();
  readonly #byId = new Map<string, Entry>();
  #isLoaded = false;
  /** No token that was live at the last sweep expires before. */
  #nextExpiryMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#byId.size;
  }

  find(text: string, nowMs: number): TokenFinding {
    if (!isToken(text)) return { ok: false, reason: 'mistyped' };
    if (!this.#isLoaded) return { ok: false, reason: 'not-loaded' };
    const found = this.#byHash.get(tokenHashOf(text));
    if (found === undefined) return { ok: false, reason: 'unknown' };
    return isExpired(found.token, nowMs) ? { ok: false, reason: 'expired' } : { ok: true, token: found.token };
  }

  /** For who showed the token before. */
  liveById(tokenId: string, nowMs: number): LiveToken | undefined {
    const token = this.#byId.get(tokenId)?.token;
    return token === undefined || isExpired(token, nowMs) ? undefined : token;
  }

  /** Takes rows that changed, in any order and as often as they come; returns the ids of those that are not live any more. */
  apply(rows: readonly TokenRow[]): readonly string[] {
    return rows.filter((row) => this.#set(row)).map(({ tokenId }) => tokenId);
  }

  /** After a reading of the whole table: forgets what was not in it, and returns the ids that were live until now. */
  keepOnly(tokenIds: ReadonlySet<string>): readonly string[] {
    this.#isLoaded = true;
    const gone = [...this.#byId.keys()].filter((tokenId) => !tokenIds.has(tokenId));
    return gone.filter((tokenId) => this.#drop(tokenId));
  }

  /** The ids of the tokens that have expired since the last sweep. */
  sweep(nowMs: number): readonly string[] {
    if (nowMs < this.#nextExpiryMs) return [];
    this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    const expired: string[] = [];
    for (const entry of this.#byId.values()) {
      if (entry.isOver) continue;
      if (isExpired(entry.token, nowMs)) {
        entry.isOver = true;
        expired.push(entry.token.tokenId);
      } else this.#expectExpiry(entry.token);
    }
    return expired;
  }

  /** Whether a live token ended by this. */
  #set({ hash, isRevoked, ...token }: TokenRow): boolean {
    const before = this.#byId.get(token.tokenId);
    if (isRevoked) return before !== undefined && this.#drop(token.tokenId);
    const isSame = before !== undefined && before.hash === hash && isEqual(before.token, token);
    if (isSame) return false;
    if (before !== undefined) this.#byHash.delete(before.hash);
    const entry: Entry = { hash, token, isOver: false };
    this.#byId.set(token.tokenId, entry);
    this.#byHash.set(hash, entry);
    this.#expectExpiry(token);
    // Whoever was let in under another name or role must come again.
    return before !== undefined && !before.isOver;
  }

  #drop(tokenId: string): boolean {
    const entry = this.#byId.get(tokenId);
    if (entry === undefined) return false;
    this.#byId.delete(tokenId);
    this.#byHash.delete(entry.hash);
    return !entry.isOver;
  }

  #expectExpiry({ expiresAtMs }: LiveToken): void {
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, expiresAtMs ?? Number.POSITIVE_INFINITY);
  }
}

function isExpired({ expiresAtMs }: LiveToken, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs;
}

function isEqual(one: LiveToken, other: LiveToken): boolean {
  return one.subject === other.subject && one.role === other.role && one.expiresAtMs === other.expiresAtMs;
}
