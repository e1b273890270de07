import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Pool } from './database.ts';
import { LiveTokens } from './live-tokens.ts';
import { createLogger } from './logger.ts';
import type { TokenRow } from './token-cache.ts';
import { tokenHashOf, tokenOf } from './token-format.ts';

/** What is promised for revoking and expiring. */
const WITHIN_MS = 5_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function row(tokenId: string, seed: number, expiresAtMs: number | null = null): TokenRow {
  const hash = tokenHashOf(tokenOf(Buffer.alloc(32, seed)));
  return { tokenId, subject: 'ana', role: 'user', expiresAtMs, isRevoked: false, hash };
}

it('tells within five seconds of one that was revoked, and of one that expires with the database away', async () => {
  const startMs = Date.now();
  let rows: readonly TokenRow[] = [row('first', 1), row('short', 2, startMs + 20_000)];
  let isAway = false;
  const query = ({ name }: { readonly name?: string }) => {
    if (isAway) return Promise.reject(new Error('away'));
    return Promise.resolve({ rows: name === 'changed-tokens' ? rows : [{ changedAt: 'now', id: '' }] });
  };
  const pool = { query: query as unknown as Pool['query'] };
  const tokens = LiveTokens.start({
    pool,
    clock: { nowMs: () => Date.now() },
    logger: createLogger('test', 'silent'),
  });
  const ended: string[] = [];
  tokens.onEnded((tokenId) => ended.push(tokenId));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([tokens.size, ended]).toEqual([2, []]);

  rows = rows.map((one) => ({ ...one, isRevoked: one.tokenId === 'first' }));
  await vi.advanceTimersByTimeAsync(WITHIN_MS);
  expect(ended).toEqual(['first']);
  isAway = true;
  await vi.advanceTimersByTimeAsync(5_000 - 1);
  expect(ended).toEqual(['first']);
  await vi.advanceTimersByTimeAsync(WITHIN_MS);
  expect(ended).toEqual(['first', 'short']);
  tokens.stop();
});
