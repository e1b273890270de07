// The table of tokens: making, listing and ending them, and asking for what changed. Times are the database's own, so that
// machines whose clocks differ agree on what came after what.
import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Pool } from './database.ts';
import { PmcError } from './errors.ts';
import { EXPIRED_KEPT_MS, type TokenRow } from './token-cache.ts';
import { TOKEN_BYTES, type TokenRole, tokenHashOf, tokenOf } from './token-format.ts';

export interface StoredToken {
  readonly id: string;
  readonly subject: string;
  readonly role: TokenRole;
  /** ISO 8601, as the next two. */
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly note: string | null;
  readonly state: 'live' | 'expired' | 'revoked';
}

export interface NewToken {
  readonly subject: string;
  readonly role: TokenRole;
  /** Undefined: until it is revoked. */
  readonly expiresInMs: number | undefined;
  readonly note: string | undefined;
}

type Queries = Pick<Pool, 'query'>;

const iso = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "${column.replace(/_a/, 'A')}"`;
const STORED = `id, subject, role, ${['created_at', 'expires_at', 'revoked_at'].map(iso).join(', ')}, note,
  case when revoked_at is not null then 'revoked' when expires_at <= now() then 'expired' else 'live' end as state`;

/** Makes one; the token itself is in the answer and nowhere else. */
export async function createToken(
  database: Queries,
  { subject, role, expiresInMs, note }: NewToken,
): Promise<{ token: string; stored: StoredToken }> {
  const token = tokenOf(randomBytes(TOKEN_BYTES));
  const { rows } = await database.query<StoredToken>(
    `insert into tokens (id, hash, subject, role, expires_at, note)
     values ($1, $2, $3, $4, now() + $5 * interval '1 millisecond', $6) returning ${STORED}`,
    [ulid(), Buffer.from(tokenHashOf(token), 'base64'), subject, role, expiresInMs ?? null, note ?? null],
  );
  return { token, stored: rows[0] as StoredToken };
}

/** The newest last. */
export async function listTokens(
  database: Queries,
  { withEnded }: { withEnded: boolean },
): Promise<readonly StoredToken[]> {
  const { rows } = await database.query<StoredToken>(
    `select ${STORED} from tokens
     where $1 or (revoked_at is null and (expires_at is null or expires_at > now())) order by created_at, id`,
    [withEnded],
  );
  return rows;
}

/** Ends one, or finds it ended: a token that was revoked keeps its first time. Throws PMC_TOKEN_UNKNOWN. */
export async function revokeToken(database: Queries, id: string): Promise<StoredToken> {
  const { rows } = await database.query<StoredToken>(
    `update tokens set revoked_at = coalesce(revoked_at, now()) where id = $1 returning ${STORED}`,
    [id],
  );
  const [revoked] = rows;
  if (revoked !== undefined) return revoked;
  throw new PmcError('PMC_TOKEN_UNKNOWN', `no token has the id ${JSON.stringify(id)}; pmc token list shows them`, {
    id,
  });
}

/** A place in the table in the order of changes. */
export interface TokenMark {
  /** A timestamp as PostgreSQL writes it. */
  readonly changedAt: string;
  readonly id: string;
}

export const FROM_THE_BEGINNING: TokenMark = { changedAt: '-infinity', id: '' };

/** The database's time, less so much, as a mark: what changes from now on stands behind it. */
export async function markOfNow(
  database: Queries,
  { lessMs, timeoutMs }: { lessMs: number; timeoutMs: number },
): Promise<TokenMark> {
  const query = {
    text: `select (now() - $1 * interval '1 millisecond')::text as "changedAt", '' as id`,
    values: [lessMs],
    query_timeout: timeoutMs,
  };
  const { rows } = await database.query<TokenMark>(query);
  return rows[0] as TokenMark;
}

const TOKEN_ROW = `id as "tokenId", encode(hash, 'base64') as hash, subject, role, revoked_at is not null as "isRevoked",
             floor(extract(epoch from expires_at) * 1000)::float8 as "expiresAtMs"`;

/** The line of one token, by the hash of what somebody shows. */
export async function tokenByHash(
  database: Queries,
  hash: string,
  { timeoutMs }: { timeoutMs: number },
): Promise<TokenRow | undefined> {
  const text = `select ${TOKEN_ROW} from tokens where hash = decode($1, 'base64')`;
  const query = { name: 'token-by-hash', text, values: [hash], query_timeout: timeoutMs };
  const { rows } = await database.query<TokenRow>(query);
  return rows[0];
}

export interface TokenPage {
  readonly rows: readonly TokenRow[];
  /** Where the next page begins; undefined behind the last. */
  readonly next: TokenMark | undefined;
}

/** Tokens that were made or revoked after the mark, `limit` at most, in this order; those that expired long ago are left out. */
export async function changedTokens(
  database: Queries,
  after: TokenMark,
  { withRevoked, limit, timeoutMs }: { withRevoked: boolean; limit: number; timeoutMs: number },
): Promise<TokenPage> {
  const query = {
    name: 'changed-tokens',
    text: `select ${TOKEN_ROW},
             greatest(created_at, revoked_at)::text as "changedAt"
           from tokens
           where (greatest(created_at, revoked_at), id) > ($1::timestamptz, $2)
             and (expires_at is null or expires_at > now() - $3 * interval '1 millisecond')
             and ($4 or revoked_at is null)
           order by greatest(created_at, revoked_at), id limit $5`,
    values: [after.changedAt, after.id, EXPIRED_KEPT_MS, withRevoked, limit],
    query_timeout: timeoutMs,
  };
  const { rows } = await database.query<TokenRow & { changedAt: string }>(query);
  const last = rows.length < limit ? undefined : rows.at(-1);
  return {
    rows: rows.map(({ tokenId, hash, subject, role, isRevoked, expiresAtMs }) => ({
      ...{ tokenId, hash, subject, role, isRevoked, expiresAtMs },
    })),
    next: last && { changedAt: last.changedAt, id: last.tokenId },
  };
}
