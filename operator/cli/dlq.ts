// `pmc dlq list|show|redrive`: the records that could not become rows. Nothing here throws one away.
import { type Command, InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { storeTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { redriver } from '../../consumers/persistence/redrive.ts';
import { Codec } from '../../kafka/codec.ts';
import { kafkaSettings } from '../../kafka/config.ts';
import { readSettings } from '../../service/config.ts';
import { createPool, databaseSettings, type Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import type { Cli } from './cli.ts';
import { withDatabase } from './database-client.ts';
import { PLACE_FORMS, type RecordPlace, recordPlaceOf } from './record-place.ts';
import { serverEnvironment } from './server-environment.ts';

const LISTED_MAX = 10_000;
const FINDINGS_EXIT = 3;

interface Entry {
  readonly incarnation: string;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly code: string;
  readonly reason: string;
  readonly status: 'open' | 'superseded';
  readonly created_at: Date;
  readonly size_bytes: number | null;
}

interface ListFlags {
  readonly all?: boolean;
  readonly code?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function addDlq(program: Command, cli: Cli): void {
  const dlq = program
    .command('dlq')
    .description('records that could not become rows (DATABASE_URL, else the running stack)');
  dlq
    .command('list')
    .description('open entries, oldest first: partition/offset, code, size, reason')
    .option('--all', 'closed entries too')
    .option('--code <code>', 'only entries with this code')
    .option('--limit <count>', `at most so many, 1 to ${LISTED_MAX}`, wholeTo(LISTED_MAX), 100)
    .option('--json', 'one JSON document instead of text')
    .action((flags: ListFlags) => list(flags, cli));
  dlq
    .command('show <place>')
    .description(`one entry, ${PLACE_FORMS}, with its bytes`)
    .option('--json', 'one JSON document instead of text, the bytes in base64')
    .option('--raw', 'only the bytes, as they are')
    .action((place: string, flags: { json?: boolean; raw?: boolean }) => show(place, flags, cli));
  dlq
    .command('redrive [places...]')
    .description('try entries again; what can be stored now is, and its entry is closed in the same transaction')
    .addHelpText('after', `\nA place is ${PLACE_FORMS}.`)
    .option('--all', 'every open entry')
    .option('--code <code>', 'every open entry with this code')
    .option('--execute', 'do it; without it only what would be tried is shown')
    .option('--json', 'one JSON document instead of text')
    .action((places: readonly string[], flags: RedriveFlags) => redrive(places, flags, cli));
}

const COLUMNS = `incarnation, topic, partition, record_offset, code, reason, status, created_at, octet_length(raw) as size_bytes`;

async function list({ all = false, code, limit, json = false }: ListFlags, cli: Cli): Promise<void> {
  const { entries, open } = await withDatabase(databaseUrlOf(cli), async (client) => {
    const { rows } = await client.query<Entry>(
      `select ${COLUMNS} from quarantine where ($1 or status = 'open') and ($2::text is null or code = $2)
       order by created_at, incarnation, partition, record_offset limit $3`,
      [all, code ?? null, limit],
    );
    const count = await client.query<{ open: string }>(`select count(*) as open from quarantine where status = 'open'`);
    return { entries: rows, open: Number(count.rows[0]?.open ?? 0) };
  });
  if (json) {
    cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, open, entries: entries.map(documentOf) })}\n`);
    return;
  }
  for (const entry of entries) {
    const { partition, record_offset, code: kind, size_bytes, reason, status } = entry;
    const closed = status === 'open' ? '' : ' (closed)';
    cli.stdout.write(`${partition}/${record_offset}  ${kind}  ${size_bytes ?? 0} bytes${closed}  ${oneLine(reason)}\n`);
  }
  cli.stderr.write(`${entries.length} listed, ${open} open\n`);
}

async function show(
  place: string,
  { json = false, raw = false }: { json?: boolean; raw?: boolean },
  cli: Cli,
): Promise<void> {
  const found = await withDatabase(databaseUrlOf(cli), (client) => entriesAt(client, [recordPlaceOf(place)]));
  const [entry] = found as [EntryWithBytes];
  if (raw) cli.stdout.write(entry.raw ?? Buffer.alloc(0));
  else if (json) {
    const bytes = entry.raw?.toString('base64') ?? null;
    cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...documentOf(entry), raw: bytes })}\n`);
  } else {
    for (const [name, value] of Object.entries(documentOf(entry)))
      cli.stdout.write(`${name}: ${oneLine(String(value))}\n`);
    cli.stdout.write(`raw: ${JSON.stringify(entry.raw?.toString('latin1') ?? null)}\n`);
  }
}

interface RedriveFlags {
  readonly all?: boolean;
  readonly code?: string;
  readonly execute?: boolean;
  readonly json?: boolean;
}

async function redrive(places: readonly string[], flags: RedriveFlags, cli: Cli): Promise<void> {
  const { all = false, code, execute = false, json = false } = flags;
  if ([places.length > 0, all, code !== undefined].filter(Boolean).length !== 1)
    throw new PmcError('PMC_USAGE', 'name either places, --code or --all');
  const environment = serverEnvironment(cli, execute ? ['DATABASE_URL', 'PMC_REGISTRY_URL'] : ['DATABASE_URL']);
  const { databaseUrl } = readSettings(environment, databaseSettings);
  const entries = await withDatabase(databaseUrl, (client) =>
    places.length > 0 ? entriesAt(client, places.map(recordPlaceOf)) : openEntries(client, code),
  );
  const open = entries.filter(({ status }) => status === 'open');
  // Only what is named can be closed already, and whoever named it is told.
  for (const { partition, record_offset, status } of entries)
    if (status !== 'open') cli.stderr.write(`${partition}/${record_offset} is closed already\n`);
  if (!execute) {
    const would = open.map(documentOf);
    if (json) cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, executed: false, entries: would })}\n`);
    else cli.stdout.write(`would try ${open.length} entries again; --execute does\n`);
    return;
  }
  const { registryUrl } = readSettings(environment, { registryUrl: kafkaSettings.registryUrl });
  const pool = createPool(databaseUrl, createLogger('pmc', 'silent'), 1);
  try {
    const outcomes = await redriveAll(pool, new Codec(registryUrl), open);
    await noteRedrive(pool, outcomes);
    const stillBad = outcomes.filter(({ outcome }) => outcome === 'still-bad').length;
    if (json) cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, executed: true, entries: outcomes })}\n`);
    else {
      for (const { partition, offset, outcome, reason } of outcomes)
        cli.stdout.write(`${partition}/${offset}  ${outcome}  ${oneLine(reason)}\n`);
      cli.stderr.write(`${outcomes.length} tried, ${outcomes.length - stillBad} closed\n`);
    }
    if (stillBad > 0) cli.endWith(FINDINGS_EXIT);
  } finally {
    await pool.end();
  }
}

/** Where the audit shows what people did, beside what it found. */
async function noteRedrive(pool: Pool, outcomes: readonly { readonly outcome: string }[]): Promise<void> {
  if (outcomes.length === 0) return;
  const closed = outcomes.filter(({ outcome }) => outcome !== 'still-bad').length;
  const detail = `pmc dlq redrive --execute: ${closed} of ${outcomes.length} entries closed`;
  await storeTimeline(pool, [{ atMs: Date.now(), kind: 'operator-action', subject: 'quarantine', detail }]);
}

async function redriveAll(pool: Pool, codec: Codec, entries: readonly (Entry & { raw: Buffer | null })[]) {
  const run = redriver(pool, codec);
  const { signal } = new AbortController();
  const outcomes = [];
  for (const { topic, incarnation, partition, record_offset, raw, created_at } of entries) {
    const at = { topic, incarnation, partition, offset: BigInt(record_offset), raw, createdAt: created_at };
    const redriven = await run(at, signal);
    const reason = redriven.outcome === 'still-bad' ? redriven.reason : '';
    outcomes.push({ incarnation, partition, offset: Number(record_offset), outcome: redriven.outcome, reason });
  }
  return outcomes;
}

type EntryWithBytes = Entry & { readonly raw: Buffer | null };

/** Throws PMC_QUARANTINE_UNKNOWN naming each place at which there is none. */
async function entriesAt(client: pg.Client, places: readonly RecordPlace[]): Promise<readonly EntryWithBytes[]> {
  const { rows } = await client.query<EntryWithBytes & { nr: number }>(
    `select ${COLUMNS.replace('incarnation, topic', 'q.incarnation, q.topic')}, raw, nr::int
       from unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
            with ordinality as given (incarnation, topic, partition, record_offset, nr)
       join quarantine q using (partition, record_offset)
      where coalesce(given.incarnation, q.incarnation) = q.incarnation and coalesce(given.topic, q.topic) = q.topic
      order by q.created_at, q.incarnation, partition, record_offset`,
    [
      places.map(({ incarnation }) => incarnation ?? null),
      places.map(({ topic }) => topic ?? null),
      places.map(({ partition }) => partition),
      places.map(({ offset }) => offset),
    ],
  );
  const found = new Set(rows.map(({ nr }) => nr));
  const unknown = places.flatMap(({ text }, index) => (found.has(index + 1) ? [] : [text]));
  // One entry may be named in several ways.
  if (unknown.length === 0) return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
  const message = `nothing was ever quarantined at ${unknown.join(', ')}; pmc dlq list --all shows what was`;
  throw new PmcError('PMC_QUARANTINE_UNKNOWN', message, { places: unknown });
}

function keyOf({ incarnation, partition, record_offset }: Entry): string {
  return `${incarnation}/${partition}/${record_offset}`;
}

async function openEntries(client: pg.Client, code: string | undefined): Promise<readonly EntryWithBytes[]> {
  const { rows } = await client.query<EntryWithBytes>(
    `select ${COLUMNS}, raw from quarantine where status = 'open' and ($1::text is null or code = $1)
     order by incarnation, partition, record_offset limit ${LISTED_MAX}`,
    [code ?? null],
  );
  return rows;
}

function documentOf({
  incarnation,
  topic,
  partition,
  record_offset,
  code,
  reason,
  status,
  created_at,
  size_bytes,
}: Entry) {
  const at = { incarnation, topic, partition, offset: Number(record_offset) };
  return { ...at, code, reason, status, createdAt: created_at.toISOString(), sizeBytes: size_bytes };
}

function databaseUrlOf(cli: Cli): string {
  return readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings).databaseUrl;
}

/** Reasons quote what senders wrote. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}

function wholeTo(max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,6}$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be 1 to ${max}.`);
  };
}
