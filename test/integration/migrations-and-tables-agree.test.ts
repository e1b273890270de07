// The migrations are the truth of the database; drizzle's tables and the snapshot must say the same.
import { readFileSync } from 'node:fs';
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { describe, expect, inject, test } from 'vitest';
import { migrateDatabase, readMigrations } from '../../schemas/database/migrate.ts';
import { SNAPSHOT_FILE, snapshotOf } from '../../schemas/database/snapshot.ts';
import * as tables from '../../schemas/database/tables.ts';
import { asAdmin, scratchDatabase } from '../support/scratch-database.ts';

const COLUMNS = `
  select format('%s.%s.%s %s%s', nspname, relname, attname, format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end) as line
  from pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
  where relkind = 'r' and nspname in ('public', 'audit') and attnum > 0 and not attisdropped and relname <> 'schema_migrations'`;

test('the columns of the migrated database are those of tables.ts: names, types, nullability', async () => {
  await using database = await scratchDatabase(inject('databaseUrl'));
  const { rows } = await asAdmin(database.url, (client) => client.query<{ line: string }>(COLUMNS));
  const declared = Object.values(tables)
    .filter((table) => is(table, PgTable))
    .flatMap((table) => {
      const { name, schema = 'public', columns } = getTableConfig(table);
      return columns.map((column) => {
        return `${schema}.${name}.${column.name} ${column.getSQLType()}${column.notNull ? ' not null' : ''}`;
      });
    });
  expect(declared.toSorted()).toEqual(rows.map(({ line }) => line).toSorted());
});

test('the snapshot is what the migrations make', async () => {
  await using database = await scratchDatabase(inject('databaseUrl'));
  expect(await asAdmin(database.url, snapshotOf)).toBe(readFileSync(SNAPSHOT_FILE, 'utf8'));
});

describe('migrating', () => {
  test('applies all to an empty database, once, also when several begin together', async () => {
    await using database = await scratchDatabase(inject('databaseUrl'), { migrate: false });
    const names = readMigrations().map(({ name }) => name);
    const applied = await Promise.all([1, 2, 3].map(() => migrateDatabase(database.url)));
    expect(applied.flat()).toEqual(names);
    const before = await asAdmin(database.url, snapshotOf);
    expect(await migrateDatabase(database.url)).toEqual([]);
    expect(await asAdmin(database.url, snapshotOf)).toBe(before);
  });

  test('refuses a database that was built with another text of a migration', async () => {
    await using database = await scratchDatabase(inject('databaseUrl'));
    await asAdmin(database.url, (client) =>
      client.query("update schema_migrations set sha256 = 'another' where name like '0002%'"),
    );
    await expect(migrateDatabase(database.url)).rejects.toMatchObject({
      code: 'PMC_MIGRATION_CHANGED',
      message: expect.stringContaining('0002_'),
    });
  });
});
