// A database of a test's own on a server that exists, migrated and dropped again.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { vi } from 'vitest';
import { migrateDatabase } from '../../schemas/database/migrate.ts';

const DROP_MAX_MS = 30_000;
const HANGING_UP_MS = 2_000;

export interface ScratchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

/** Creates and migrates it; `await using` drops it, whoever is still connected. */
export async function scratchDatabase(adminUrl: string, { migrate = true } = {}): Promise<ScratchDatabase> {
  const name = `pmc_scratch_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(adminUrl, (client) => client.query(`create database ${name} template template0`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  if (migrate) await migrateDatabase(url.href);
  return {
    url: url.href,
    name,
    [Symbol.asyncDispose]: async () => {
      await dropDatabase(adminUrl, name);
    },
  };
}

/**
 * Waits for those who are hanging up already: a pool whose end was awaited has said goodbye, and would hear of an error in
 * between. While autovacuum, which belongs to the superuser, is at work in it, a database cannot be dropped by anybody else.
 */
async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  const drop = (how: string) => () =>
    asAdmin(adminUrl, (client) => client.query(`drop database if exists ${name} ${how}`));
  await vi
    .waitFor(drop(''), { timeout: HANGING_UP_MS, interval: 50 })
    .catch(async () => await vi.waitFor(drop('with (force)'), { timeout: DROP_MAX_MS, interval: 250 }));
}

/** Runs one thing on a connection of its own. */
export async function asAdmin<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
