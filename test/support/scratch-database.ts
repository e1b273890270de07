// A database of a test's own on a server that exists, migrated and dropped again.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrateDatabase } from '../../schemas/database/migrate.ts';

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
      await asAdmin(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
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
