// `pmc dlq list|show|redrive`: the records that could not become rows. Nothing here throws one away.
import { type Command, InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { redriver } from '../../consumers/persistence/redrive.ts';
import { Codec } from '../../kafka/codec.ts';
import { kafkaSettings } from '../../kafka/config.ts';
import { chunksOf } from '../../service/chunks.ts';
import { readSettings } from '../../service/config.ts';
import { createPool, databaseSettings, withConnection } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import type { Cli } from './cli.ts';
import {
  countEntries,
  type Entry,
  type EntryWithBytes,
  entriesAt,
  oldestEntries,
  openEntries,
  withBytes,
} from './dlq-entries.ts';
import { asOperator } from './operator-action.ts';
import { PLACE_FORMS, recordPlaceOf } from './record-place.ts';
import { serverEnvironment } from './server-environment.ts';

const LISTED_MAX = 10_000;
const FINDINGS_EXIT = 3;
const registrySettings = { registryUrl: kafkaSettings.registryUrl, schemaCache: kafkaSettings.schemaCache };
const EVERY_OPEN = { all: false, code: undefined };

/** Of records that are tried again: their bytes are in memory together. */
const AT_ONCE = { rowsMax: 500, bytesMax: 16 * 1_048_576 };

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

async function list({ all = false, code, limit, json = false }: ListFlags, cli: Cli): Promise<void> {
  const { entries, matching, open } = await withConnection(databaseUrlOf(cli), async (client) => ({
    entries: await oldestEntries(client, { all, code }, limit),
    matching: await countEntries(client, { all, code }),
    open: await countEntries(client, EVERY_OPEN),
  }));
  // Others may have closed some in between.
  const unlisted = entries.length < limit ? 0 : Math.max(0, matching - entries.length);
  if (json) {
    cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, open, unlisted, entries: entries.map(documentOf) })}\n`);
    return;
  }
  for (const entry of entries) {
    const { partition, record_offset, code: kind, size_bytes, reason, status } = entry;
    const closed = status === 'open' ? '' : ' (closed)';
    cli.stdout.write(`${partition}/${record_offset}  ${kind}  ${size_bytes ?? 0} bytes${closed}  ${oneLine(reason)}\n`);
  }
  const more = unlisted === 0 ? '' : `, ${unlisted} more not listed (--limit)`;
  cli.stderr.write(`${entries.length} listed${more}, ${open} open\n`);
}

async function show(
  place: string,
  { json = false, raw = false }: { json?: boolean; raw?: boolean },
  cli: Cli,
): Promise<void> {
  const found = await withConnection(databaseUrlOf(cli), async (client) =>
    withBytes(client, await entriesAt(client, [recordPlaceOf(place)])),
  );
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
  await withConnection(databaseUrl, async (client) => {
    const pages = places.length > 0 ? [await namedEntries(client, places, cli)] : openEntries(client, code);
    if (!execute) return await wouldRedrive(pages, json, cli);
    const { registryUrl, schemaCache: cacheFolder } = readSettings(environment, registrySettings);
    const codec = new Codec(registryUrl, { cacheFolder });
    const pool = createPool(databaseUrl, createLogger('pmc', 'silent'), 1);
    try {
      await redrivePages(client, { databaseUrl, run: redriver(pool, codec), pages }, json, cli);
    } finally {
      await pool.end();
    }
  });
}

/** Only what is named can be closed already, and whoever named it is told. */
async function namedEntries(client: pg.Client, places: readonly string[], cli: Cli): Promise<readonly Entry[]> {
  const entries = await entriesAt(client, places.map(recordPlaceOf));
  for (const { partition, record_offset, status } of entries)
    if (status !== 'open') cli.stderr.write(`${partition}/${record_offset} is closed already\n`);
  return entries.filter(({ status }) => status === 'open');
}

type Pages = AsyncIterable<readonly Entry[]> | Iterable<readonly Entry[]>;

async function wouldRedrive(pages: Pages, json: boolean, cli: Cli): Promise<void> {
  let count = 0;
  const entries: object[] = [];
  for await (const page of pages) {
    count += page.length;
    if (json) entries.push(...page.map(documentOf));
  }
  if (json) cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, executed: false, entries })}\n`);
  else cli.stdout.write(`would try ${count} entries again; --execute does\n`);
}

interface Redrive {
  readonly databaseUrl: string;
  readonly run: ReturnType<typeof redriver>;
  readonly pages: Pages;
}

/** However many there are, the bytes of a few are in memory. */
async function redrivePages(
  client: pg.Client,
  { databaseUrl, run, pages }: Redrive,
  json: boolean,
  cli: Cli,
): Promise<void> {
  let tried = 0;
  let closed = 0;
  const entries: object[] = [];
  const tell = async (): Promise<void> => {
    const open = await countEntries(client, EVERY_OPEN).catch(() => null);
    const document = { schemaVersion: 1, executed: true, tried, closed, open, entries };
    if (json) cli.stdout.write(`${JSON.stringify(document)}\n`);
    else cli.stderr.write(`${tried} tried, ${closed} closed, ${open ?? 'nobody knows how many'} open\n`);
  };
  const done = () => (tried === 0 ? undefined : `pmc dlq redrive --execute: ${closed} of ${tried} entries closed`);
  await asOperator({ databaseUrl, subject: 'quarantine', done }, cli, async (signal) => {
    try {
      for await (const page of pages) {
        for (const chunk of chunksOf(page, ({ size_bytes }) => size_bytes ?? 0, AT_ONCE)) {
          for (const entry of await withBytes(client, chunk)) {
            signal.throwIfAborted();
            const outcome = await redriveOne(run, entry, signal);
            tried += 1;
            if (outcome.outcome !== 'still-bad') closed += 1;
            const { partition, offset, reason } = outcome;
            if (json) entries.push(outcome);
            else cli.stdout.write(`${partition}/${offset}  ${outcome.outcome}  ${oneLine(reason)}\n`);
          }
        }
      }
    } finally {
      await tell();
    }
  });
  if (closed < tried) cli.endWith(FINDINGS_EXIT);
}

async function redriveOne(run: ReturnType<typeof redriver>, entry: EntryWithBytes, signal: AbortSignal) {
  const { topic, incarnation, partition, record_offset, raw, created_at } = entry;
  const at = { topic, incarnation, partition, offset: BigInt(record_offset), raw, createdAt: created_at };
  const redriven = await run(at, signal);
  const reason = redriven.outcome === 'still-bad' ? redriven.reason : '';
  return { incarnation, partition, offset: Number(record_offset), outcome: redriven.outcome, reason };
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
