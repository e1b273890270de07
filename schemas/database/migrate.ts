// Applies the numbered SQL migrations, each once and in its own transaction, under an advisory lock so that two starters
// do not race. A migration that was changed after it had been applied is refused: the database would not be what it says.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import { withConnection } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
const LOCK_KEY = 7_365_001;

export interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

export function readMigrations(): readonly Migration[] {
  return readdirSync(FOLDER)
    .filter((file) => /^\d{4}_.+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(file, FOLDER), 'utf8');
      return { name: file.replace(/\.sql$/, ''), sql, sha256: createHash('sha256').update(sql).digest('hex') };
    });
}

/** Brings the database to the newest schema; returns the names of the migrations applied now. */
export async function migrateDatabase(databaseUrl: string): Promise<readonly string[]> {
  return await withConnection(databaseUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await client.query(
      'create table if not exists schema_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string; sha256: string }>('select name, sha256 from schema_migrations');
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    const fresh: string[] = [];
    for (const migration of readMigrations()) {
      const before = applied.get(migration.name);
      if (before === migration.sha256) continue;
      if (before !== undefined) {
        const message = `migration ${migration.name} was changed after it had been applied to this database; add a new one instead`;
        throw new PmcError('PMC_MIGRATION_CHANGED', message, { migration: migration.name });
      }
      await apply(client, migration);
      fresh.push(migration.name);
    }
    return fresh;
  });
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migrations (name, sha256) values ($1, $2)', [
      migration.name,
      migration.sha256,
    ]);
    await client.query('commit');
  } catch (error) {
    // Fails where the connection is lost, which has rolled it back and is the error.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
