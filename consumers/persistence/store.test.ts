import pg from 'pg';
import { expect, test } from 'vitest';
import type { Pool } from '../../service/database.ts';
import { Store } from './store.ts';

/** A server that refuses whatever it is asked. */
function refusing(code: string): Pool {
  const client = {
    escapeLiteral: (text: string) => `'${text}'`,
    on: () => undefined,
    off: () => undefined,
    release: () => undefined,
    query: (query: unknown) => {
      const refused = Object.assign(new pg.DatabaseError('refused', 0, 'error'), { code });
      if (query === 'rollback') return Promise.resolve({ rows: [] });
      (query as pg.Query).emit('error', refused);
      return undefined;
    },
  };
  return { connect: () => Promise.resolve(client) } as unknown as Pool;
}

test.each([
  ['23505', 'a row stands in the way', 'the long way'],
  ['57P01', 'the server goes', 'refused'],
])('%s: the bytes of a COPY that failed, since %s, are not written over', async (code, _why, expected) => {
  let isFreed = false;
  const store = new Store({ pool: refusing(code), breakerPercent: 100 });
  const at = { topic: 't', partition: 0, incarnation: 'i', lower: 0n, upperOffset: 1n };
  const written = { bytes: Buffer.from('rows'), rows: [], free: () => (isFreed = true) };
  const copied = store.copy({ ...at, written }, new AbortController().signal);
  const outcome = copied.then(
    (stored) => stored ?? 'the long way',
    (error: Error) => error.message,
  );
  expect(await outcome).toBe(expected);
  expect(isFreed).toBe(false);
});
