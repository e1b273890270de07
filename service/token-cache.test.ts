import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LiveToken, TokenCache, type TokenRow } from './token-cache.ts';
import { tokenHashOf, tokenOf } from './token-format.ts';

const TEXTS = Array.from({ length: 6 }, (_, index) => tokenOf(Buffer.alloc(32, index + 1)));

function row(index: number, more: Partial<TokenRow> = {}): TokenRow {
  const hash = tokenHashOf(TEXTS[index] as string);
  return { tokenId: `T${index}`, subject: 'ana', role: 'user', expiresAtMs: null, isRevoked: false, hash, ...more };
}

function loaded(...rows: readonly TokenRow[]): TokenCache {
  const cache = new TokenCache();
  cache.apply(rows);
  cache.keepOnly(new Set(rows.map(({ tokenId }) => tokenId)));
  return cache;
}

const find = (cache: TokenCache, index: number, nowMs = 0) => cache.find(TEXTS[index] as string, nowMs);

describe('the tokens that are known', () => {
  it('knows nobody before the first whole reading, and then who is live', () => {
    const cache = new TokenCache();
    cache.apply([row(0)]);
    expect(find(cache, 0)).toEqual({ ok: false, reason: 'not-loaded' });
    cache.keepOnly(new Set(['T0']));
    const token: LiveToken = { tokenId: 'T0', subject: 'ana', role: 'user', expiresAtMs: null };
    expect(find(cache, 0)).toEqual({ ok: true, token });
    expect(cache.liveById('T0', 0)).toEqual(token);
    expect(find(cache, 1)).toEqual({ ok: false, reason: 'unknown' });
  });

  it('tells a mistyped token from an unknown one, also while nothing is loaded', () => {
    const mistyped = `${TEXTS[0]?.slice(0, -1)}!`;
    expect(new TokenCache().find(mistyped, 0)).toEqual({ ok: false, reason: 'mistyped' });
    expect(loaded(row(0)).find('', 0)).toEqual({ ok: false, reason: 'mistyped' });
  });

  it('calls a token expired from its moment on, and reports that once', () => {
    const cache = loaded(row(0, { expiresAtMs: 1_000 }), row(1, { expiresAtMs: 2_000 }), row(2));
    expect(cache.sweep(999)).toEqual([]);
    expect(find(cache, 0, 999).ok).toBe(true);
    expect(find(cache, 0, 1_000)).toEqual({ ok: false, reason: 'expired' });
    expect(cache.liveById('T0', 1_000)).toBeUndefined();
    expect(cache.sweep(1_000)).toEqual(['T0']);
    expect(cache.sweep(1_500)).toEqual([]);
    expect(cache.sweep(9_999)).toEqual(['T1']);
  });

  it('forgets a revoked one and reports it once, however often it hears of it', () => {
    const cache = loaded(row(0), row(1));
    expect(cache.apply([row(0, { isRevoked: true })])).toEqual(['T0']);
    expect(cache.apply([row(0, { isRevoked: true })])).toEqual([]);
    expect(find(cache, 0)).toEqual({ ok: false, reason: 'unknown' });
    expect(cache.size).toBe(1);
  });

  it('reports no end of what had expired before it was revoked', () => {
    const cache = loaded(row(0, { expiresAtMs: 10 }));
    expect(cache.sweep(10)).toEqual(['T0']);
    expect(cache.apply([row(0, { isRevoked: true })])).toEqual([]);
  });

  it('reports one whose subject, role or time was altered, and lets it in as what it is now', () => {
    const cache = loaded(row(0), row(1), row(2));
    expect(cache.apply([row(0, { role: 'viewer' }), row(1, { expiresAtMs: 5 }), row(2)])).toEqual(['T0', 'T1']);
    expect(find(cache, 0)).toMatchObject({ ok: true, token: { role: 'viewer' } });
    expect(cache.sweep(5)).toEqual(['T1']);
  });

  it('reports what a whole reading did not find any more', () => {
    const cache = loaded(row(0), row(1));
    expect(cache.keepOnly(new Set(['T1']))).toEqual(['T0']);
    expect(find(cache, 0)).toEqual({ ok: false, reason: 'unknown' });
  });

  it('agrees with the table after any order of readings, and reports each end once', () => {
    const change = fc.record({
      index: fc.nat(TEXTS.length - 1),
      what: fc.constantFrom('make', 'revoke', 'read', 'reread', 'wait'),
      expiresAfterMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: null }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const cache = loaded();
        const table = new Map<string, TokenRow>();
        const changed = new Set<string>();
        /** A reading sees lines as they are, not as they were. */
        const fresh = (): readonly TokenRow[] => [...table.values()].filter(({ tokenId }) => changed.has(tokenId));
        const ended: string[] = [];
        let nowMs = 0;
        for (const { index, what, expiresAfterMs } of changes) {
          const known = table.get(`T${index}`);
          if (what === 'make' && known === undefined) {
            const made = row(index, { expiresAtMs: expiresAfterMs === null ? null : nowMs + expiresAfterMs });
            table.set(made.tokenId, made);
            changed.add(made.tokenId);
          } else if (what === 'revoke' && known !== undefined) {
            const revoked = { ...known, isRevoked: true };
            table.set(revoked.tokenId, revoked);
            changed.add(revoked.tokenId);
          } else if (what === 'read') ended.push(...cache.apply(fresh()));
          else if (what === 'reread') {
            const live = [...table.values()].filter(({ isRevoked }) => !isRevoked);
            ended.push(...cache.apply(live), ...cache.keepOnly(new Set(live.map(({ tokenId }) => tokenId))));
          } else if (what === 'wait') ended.push(...cache.sweep((nowMs += 7)));
        }
        ended.push(...cache.apply(fresh()), ...cache.sweep(nowMs));
        for (const [index] of TEXTS.entries()) {
          const known = table.get(`T${index}`);
          const isLive =
            known !== undefined && !known.isRevoked && (known.expiresAtMs === null || nowMs < known.expiresAtMs);
          expect(find(cache, index, nowMs).ok).toBe(isLive);
          if (isLive) expect(ended).not.toContain(`T${index}`);
        }
        expect(new Set(ended).size).toBe(ended.length);
      }),
    );
  });
});
