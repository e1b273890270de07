// The schema of a migrated database as text, from its own catalogue: the same on every server version that we support, so a
// change of the migrations shows as a diff of schema.snapshot.sql. `node schemas/database/snapshot.ts URL [--check]` makes and
// drops a database of its own on the server of that URL.
import { readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { migrateDatabase } from './migrate.ts';

export const SNAPSHOT_FILE = new URL('./schema.snapshot.sql', import.meta.url);

const OURS = `namespace.nspname not like 'pg\\_%' and namespace.nspname <> 'information_schema'`;

const COLUMNS = `
  select format('%I.%I', namespace.nspname, class.relname) as of,
    format('  %I %s%s%s', attname, format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end,
      case when attidentity <> '' then ' generated ' || case attidentity when 'a' then 'always' else 'by default' end || ' as identity'
        when attgenerated <> '' then ' generated always as (' || ltrim(regexp_replace(pg_get_expr(adbin, adrelid), '\\s+', ' ', 'g')) || ') stored'
        else coalesce(' default ' || pg_get_expr(adbin, adrelid), '') end) as line
  from pg_class class
    join pg_namespace namespace on namespace.oid = class.relnamespace
    join pg_attribute attribute on attribute.attrelid = class.oid and attnum > 0 and not attisdropped
    left join pg_attrdef on adrelid = class.oid and adnum = attnum
  where class.relkind in ('r', 'p') and ${OURS}
  order by namespace.nspname, class.relname, attnum`;

/** Every kind of object a migration may make besides tables; not null is shown with its column (contype n: PostgreSQL 18). */
const OTHERS = `
  select line from (
    select 1 as rank, format('alter table %I.%I add constraint %I %s;', namespace.nspname, relname, conname, pg_get_constraintdef(con.oid)) as line
    from pg_constraint con join pg_class on pg_class.oid = conrelid join pg_namespace namespace on namespace.oid = relnamespace
    where contype <> 'n' and ${OURS}
    union all
    select 2, pg_get_indexdef(indexrelid) || ';'
    from pg_index join pg_class on pg_class.oid = indexrelid join pg_namespace namespace on namespace.oid = relnamespace
    where ${OURS} and not exists (select from pg_constraint where conindid = indexrelid)
    union all
    select 3, format('create view %I.%I as %s', namespace.nspname, relname, pg_get_viewdef(pg_class.oid))
    from pg_class join pg_namespace namespace on namespace.oid = relnamespace where relkind in ('v', 'm') and ${OURS}
    union all
    select 4, pg_get_functiondef(pg_proc.oid) || ';'
    from pg_proc join pg_namespace namespace on namespace.oid = pronamespace where prokind in ('f', 'p') and ${OURS}
    union all
    select 5, pg_get_triggerdef(pg_trigger.oid) || ';'
    from pg_trigger join pg_class on pg_class.oid = tgrelid join pg_namespace namespace on namespace.oid = relnamespace
    where not tgisinternal and ${OURS}
    union all
    select 6, format('comment on %s %I.%I%s is %L;', case when objsubid = 0 then 'table' else 'column' end, namespace.nspname, relname,
      coalesce('.' || quote_ident(attname), ''), description)
    from pg_description join pg_class on classoid = 'pg_class'::regclass and objoid = pg_class.oid
      join pg_namespace namespace on namespace.oid = relnamespace
      left join pg_attribute on attrelid = pg_class.oid and attnum = objsubid and objsubid > 0
    where ${OURS}
  ) as objects order by rank, line collate "C"`;

export async function snapshotOf(client: pg.Client): Promise<string> {
  const columns = await client.query<{ of: string; line: string }>(COLUMNS);
  const others = await client.query<{ line: string }>(OTHERS);
  const tables = new Map<string, string[]>();
  for (const { of, line } of columns.rows) tables.set(of, [...(tables.get(of) ?? []), line]);
  return [
    '-- What the migrations make, read back from the catalogue by schemas/database/snapshot.ts; do not edit.',
    ...[...tables].map(([table, lines]) => `create table ${table} (\n${lines.join(',\n')}\n);`),
    ...others.rows.map(({ line }) => line),
    '',
  ].join('\n');
}

async function snapshotOnServer(serverUrl: string): Promise<string> {
  const name = `pmc_snapshot_${process.pid}`;
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  try {
    await server.query(`create database ${name} template template0`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    await migrateDatabase(url.href);
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    const text = await snapshotOf(client);
    await client.end();
    return text;
  } finally {
    await server.query(`drop database if exists ${name} with (force)`);
    await server.end();
  }
}

if (import.meta.main) {
  const serverUrl = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
  if (serverUrl === undefined) {
    process.stderr.write('usage: node schemas/database/snapshot.ts postgres://user@host:port/database [--check]\n');
    process.exitCode = 2;
  } else {
    const text = await snapshotOnServer(serverUrl);
    if (!process.argv.includes('--check')) writeFileSync(SNAPSHOT_FILE, text);
    else if (readFileSync(SNAPSHOT_FILE, 'utf8') !== text) {
      process.stderr.write(
        'schema.snapshot.sql is not what the migrations make: run schemas/database/snapshot.ts without --check\n',
      );
      process.exitCode = 1;
    }
  }
}
