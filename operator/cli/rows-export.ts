// `pmc rows export`: every row of message_metadata as CSV on stdout, with the SHA-256 of its text as PostgreSQL computes it.
// Rows are read through a cursor, in one snapshot, and no faster than whoever reads stdout takes them, for as long as somebody does.
import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { csvLine } from '../../producers/chaos-socket/verdict/csv.ts';
import { ROW_COLUMNS } from '../../producers/chaos-socket/verdict/exported-row.ts';
import { readSettings } from '../../service/config.ts';
import { databaseSettings, withConnection } from '../../service/database.ts';
import type { Cli } from './cli.ts';
import { isoTime } from './iso-time.ts';
import { addRowsPurge } from './rows-purge.ts';
import { serverEnvironment } from './server-environment.ts';

const ROWS_PER_FETCH = 5_000;
const NAMES_MAX = 10;
const OF_ROW: Readonly<Record<string, string>> = {
  sha256: `encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex')`,
  flags: `array_to_string(flags, ' ')`,
  received_at: `to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
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
  const rows = program.command('rows').description('the stored rows');
  addRowsPurge(rows, cli);
  rows
    .command('export')
    .description(`rows as CSV on stdout: ${ROW_COLUMNS.join(', ')} (DATABASE_URL, else the running stack)`)
    .option('--source <name>', 'only rows of this source, as the communicator names it: host:port/path')
    .option('--since <time>', 'only rows received at or after this ISO 8601 time with its zone', givenTime)
    .action((flags: Flags) => exportRows(flags, cli));
}

async function exportRows({ source, since }: Flags, cli: Cli): Promise<void> {
  const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
  await withConnection(databaseUrl, async (client) => {
    await client.query('begin transaction isolation level repeatable read read only');
    await client.query(SELECT, [source ?? null, since ?? null]);
    cli.stdout.write(csvLine(ROW_COLUMNS));
    let exported = 0;
    for (;;) {
      const { rows } = await client.query<string[]>({
        text: `fetch ${ROWS_PER_FETCH} from exported`,
        rowMode: 'array',
      });
      if (rows.length === 0) break;
      exported += rows.length;
      if (!(await isTaken(cli.stdout, rows.map(csvLine).join('')))) return;
    }
    if (exported === 0) cli.stderr.write(`no row matched${source === undefined ? '' : await namesText(client)}\n`);
  });
}

/** False where stdout takes no more: its reader has seen enough, or pmc.ts says what is wrong. */
async function isTaken(stdout: NodeJS.WriteStream, text: string): Promise<boolean> {
  if (stdout.write(text)) return true;
  return await once(stdout, 'drain').then(
    () => true,
    () => false,
  );
}

/** What could have been meant; asked only where nothing matched, since it reads all rows. */
async function namesText(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ source: string }>(
    `select source from message_metadata group by source order by count(*) desc, source limit ${NAMES_MAX}`,
  );
  return rows.length === 0 ? '; there are no rows' : `; rows are of ${rows.map((row) => row.source).join(', ')}`;
}

function givenTime(text: string): string {
  const time = isoTime(text);
  if (time !== undefined) return time;
  throw new InvalidArgumentError('It must be an ISO 8601 time with its zone, such as 2026-01-31T12:00:00Z.');
}
