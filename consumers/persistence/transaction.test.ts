import pg from 'pg';
import { expect, test } from 'vitest';
import type { Pool } from '../../service/database.ts';
import { inTransaction } from './transaction.ts';

/** A server that refuses to begin; `asked` has what else it was asked, as name or text and values. */
function refusing(code: string) {
  const asked: unknown[] = [];
  const released: unknown[] = [];
  const client = {
    escapeLiteral: (text: string) => `'${text}'`,
    on: () => undefined,
    off: () => undefined,
    release: (destroy: unknown) => void released.push(destroy),
    query: (query: string | { name: string; values: readonly unknown[] }) => {
      if (typeof query === 'string' && query.startsWith('begin'))
        return Promise.reject(Object.assign(new pg.DatabaseError('refused', 0, 'error'), { code }));
      asked.push(typeof query === 'string' ? query : [query.name, ...query.values]);
      return Promise.resolve({ rows: [] });
    },
  };
  return { asked, released, pool: { connect: () => Promise.resolve(client) } as unknown as Pool };
}

test.each([
  ['55P03', 'waited for the lock in vain', ['rollback', ['pmc-end-abandoned-copy', 'l', 60_000]]],
  ['40001', 'has another reason to fail', ['rollback']],
])('%s: a transaction that %s ends the COPY whose client has given up, or does not', async (code, _why, expected) => {
  const { asked, released, pool } = refusing(code);
  const failed = inTransaction(pool, { lock: 'l', signal: new AbortController().signal }, () => Promise.resolve());
  await expect(failed).rejects.toMatchObject({ code });
  expect(asked).toEqual(expected);
  expect(released).toEqual([false]);
});
