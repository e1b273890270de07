// `pmc rows export`: every row of message_metadata as CSV on stdout, with the SHA-256 of its text as PostgreSQL computes it.
// Rows are read through a cursor, in one snapshot, and no faster than whoever reads stdout takes them.
import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import pg from 'pg';
import { csvLine } from '../../producers/chaos-socket/verdict/csv.ts';
import { ROW_COLUMNS } from '../../producers/chaos-socket/verdict/exported-row.ts';
import { readSettings } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import type { Cli } from './cli.ts';
import { serverEnvironment } from './server-environment.ts';

const ROWS_PER_FETCH = 5_000;
const OF_ROW: Readonly<Record<string, string>> = {
  sha256: `encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex')`,
  flags: `array_to_string(flags, ' ')`,
};
const SELECT = `declare exported no scroll cursor for
  select ${ROW_COLUMNS.map((column) => `coalesce((${OF_ROW[column] ?? column})::text, '') as ${column}`).join(', ')}
  from message_metadata
  where ($1::text is null or source = $1) and ($2::timestamptz is null or received_at >= $2)
  order by incarnation, partition, record_offset`;

interface Flags {
  readonly source?: string;
  readonly since?: string;
}

export function addRows(program: Command, cli: Cli): void {
  program
    .command('rows')
    .description('the stored rows')
    .command('export')
    .description(`rows as CSV on stdout: ${ROW_COLUMNS.join(', ')} (DATABASE_URL, else the running stack)`)
    .option('--source <name>', 'only rows of this source, as the communicator names it: host:port/path')
    .option('--since <time>', 'only rows received at or after this ISO 8601 time', isoTime)
    .action((flags: Flags) => exportRows(flags, cli));
}

async function exportRows({ source, since }: Flags, cli: Cli): Promise<void> {
  const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
  const client = new pg.Client({ connectionString: databaseUrl });
  try {
    await client.connect();
  } catch (error) {
    const { host } = new URL(databaseUrl);
    const message = `PostgreSQL at ${host} does not answer; DATABASE_URL names it`;
    throw new PmcError('PMC_DATABASE_UNREACHABLE', message, { host }, { cause: error });
  }
  try {
    await client.query('begin transaction isolation level repeatable read read only');
    await client.query(SELECT, [source ?? null, since ?? null]);
    cli.stdout.write(csvLine(ROW_COLUMNS));
    for (;;) {
      const { rows } = await client.query<string[]>({
        text: `fetch ${ROWS_PER_FETCH} from exported`,
        rowMode: 'array',
      });
      if (rows.length === 0) break;
      if (!cli.stdout.write(rows.map(csvLine).join(''))) await once(cli.stdout, 'drain');
    }
  } finally {
    await client.end();
  }
}

function isoTime(text: string): string {
  const timeMs = Date.parse(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && Number.isFinite(timeMs)) return new Date(timeMs).toISOString();
  throw new InvalidArgumentError('It must be an ISO 8601 time, such as 2026-01-31T12:00:00Z.');
}
