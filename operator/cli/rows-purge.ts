// `pmc rows purge --before TIME`: retention. Deletes the oldest rows of every partition, from its beginning up to the first row that was
// received at or after the time. Each batch is a transaction that deletes and writes to `purged`, where the audit finds them, the
// offsets of the rows that it deleted and no others: what had no row is as lost as it was. Without --execute it only counts.
import { type Command, InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { readSettings } from '../../service/config.ts';
import { databaseSettings, withConnection } from '../../service/database.ts';
import type { Cli } from './cli.ts';
import { isoTime } from './iso-time.ts';
import { asOperator } from './operator-action.ts';
import { serverEnvironment } from './server-environment.ts';

const ROWS_PER_BATCH = 5_000;

interface Flags {
  readonly before: string;
  readonly execute?: boolean;
  readonly json?: boolean;
  readonly reason: string;
}

interface PartitionRange {
  readonly incarnation: string;
  readonly partition: number;
  readonly lower: bigint;
  /** One past the last offset to delete. */
  readonly upper: bigint;
}

export interface PurgedPartition {
  readonly incarnation: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

export function addRowsPurge(rows: Command, cli: Cli): void {
  rows
    .command('purge')
    .description(
      'delete rows received before a time and put their offsets on the books (DATABASE_URL, else the running stack)',
    )
    .requiredOption('--before <time>', 'an ISO 8601 time with its zone, in the past', pastTime)
    .option('--reason <text>', 'goes on the books with the ranges', 'retention')
    .option('--execute', 'delete; without it only what would be deleted is shown')
    .option('--json', 'one JSON document instead of text')
    .action((flags: Flags) => purge(flags, cli));
}

async function purge({ before, execute = false, json = false, reason }: Flags, cli: Cli): Promise<void> {
  const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
  const partitions: PurgedPartition[] = [];
  const done = () =>
    partitions.length === 0
      ? undefined
      : `pmc rows purge --before ${before} --execute: ${sumOf(partitions)} rows deleted (${reason})`;
  const told = (): void => tell(partitions, { before, execute, json }, cli);
  await withConnection(databaseUrl, async (client) => {
    const ranges = await rangesBefore(client, before);
    if (!execute) {
      for (const range of ranges) partitions.push(partOf(range, range.upper, await countRows(client, range)));
      return told();
    }
    const work = async (signal: AbortSignal): Promise<void> => {
      await client.query('create temp table purged_messages (source text, message_id text)');
      for (const [index, range] of ranges.entries()) {
        for await (const { next, rows } of purgeRange(client, range, reason, cli)) {
          partitions[index] = partOf(range, next, rows);
          signal.throwIfAborted();
        }
      }
      await purgeWhatWasFolded(client, before);
    };
    await asOperator({ databaseUrl, subject: 'rows', done }, cli, (signal) => work(signal).finally(told));
  });
}

function partOf({ incarnation, partition, lower }: PartitionRange, upper: bigint, rows: number): PurgedPartition {
  return { incarnation, partition, from: Number(lower), to: Number(upper - 1n), rows };
}

function sumOf(partitions: readonly PurgedPartition[]): number {
  return partitions.reduce((sum, { rows }) => sum + rows, 0);
}

function tell(
  partitions: readonly PurgedPartition[],
  { before, execute, json }: { before: string; execute: boolean; json: boolean },
  cli: Cli,
): void {
  const rows = sumOf(partitions);
  if (json) {
    cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, before, executed: execute, rows, partitions })}\n`);
    return;
  }
  for (const one of partitions) {
    cli.stdout.write(
      `partition ${one.partition} of ${one.incarnation}: offsets ${one.from} to ${one.to}, ${one.rows} rows\n`,
    );
  }
  const what = `${rows} rows received before ${before}`;
  cli.stdout.write(execute ? `deleted ${what}\n` : `would delete ${what}; --execute does\n`);
}

/** From a partition's first row up to the first that stays: rows of one partition are received in the order of their offsets. */
export async function rangesBefore(client: pg.Client, before: string): Promise<readonly PartitionRange[]> {
  const { rows } = await client.query<{ incarnation: string; partition: number; lower: string; upper: string }>(
    `select incarnation, partition, first.lower, coalesce(kept.upper, coverage.upper_offset) as upper from coverage
     cross join lateral (
       select record_offset as lower from message_metadata m
       where m.incarnation = coverage.incarnation and m.partition = coverage.partition order by record_offset limit 1) as first
     left join lateral (
       select record_offset as upper from message_metadata m
       where m.incarnation = coverage.incarnation and m.partition = coverage.partition and received_at >= $1
       order by record_offset limit 1) as kept on true
     where first.lower < coalesce(kept.upper, coverage.upper_offset)
     order by incarnation, partition`,
    [before],
  );
  return rows.map(({ lower, upper, ...at }) => ({ ...at, lower: BigInt(lower), upper: BigInt(upper) }));
}

async function countRows(client: pg.Client, { incarnation, partition, lower, upper }: PartitionRange): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `select count(*) from message_metadata
     where incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4`,
    [incarnation, partition, String(lower), String(upper)],
  );
  return Number(rows[0]?.count ?? 0);
}

/** What was deleted of it up to which offset, after each transaction. */
async function* purgeRange(
  client: pg.Client,
  range: PartitionRange,
  reason: string,
  cli: Cli,
): AsyncGenerator<{ next: bigint; rows: number }> {
  await closeFalseClaims(client, range);
  let deleted = 0;
  for (let from = range.lower; from < range.upper; ) {
    const batch = await purgeBatch(client, { ...range, lower: from }, reason);
    deleted += batch.rows;
    from = batch.next;
    cli.stderr.write(
      `partition ${range.partition}: ${deleted} rows deleted, up to offset ${from - 1n} of ${range.upper - 1n}\n`,
    );
    yield { next: from, rows: deleted };
  }
}

/**
 * A duplicate is proved by the row that it points at, and by its key alone once that row is gone (stored-side.ts). One that points at
 * the row of another event is false, which nobody could tell afterwards: it would be called purged, and is lost.
 */
async function closeFalseClaims(
  client: pg.Client,
  { incarnation, partition, lower, upper }: PartitionRange,
): Promise<void> {
  await client.query(
    `update duplicates d set status = 'superseded' from message_metadata m
     where d.status = 'open' and d.first_incarnation = $1 and d.first_partition = $2
       and d.first_offset >= $3 and d.first_offset < $4
       and m.incarnation = $1 and m.partition = $2 and m.record_offset = d.first_offset and m.id <> d.id`,
    [incarnation, partition, String(lower), String(upper)],
  );
}

/** Rows and books in one transaction: a crash leaves both or neither. Duplicates and quarantined records stay, with their own proofs. */
async function purgeBatch(
  client: pg.Client,
  { incarnation, partition, lower, upper }: PartitionRange,
  reason: string,
): Promise<{ rows: number; next: bigint }> {
  await client.query('begin');
  try {
    // The lock of persistence for the partition: a replay of these offsets waits, and then finds them on the books.
    const lock = `pmc-persistence/${incarnation}/${partition}`;
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lock]);
    const at = [incarnation, partition, String(lower), String(upper)];
    const end = await client.query<{ record_offset: string }>(
      `select record_offset from message_metadata where incarnation = $1 and partition = $2 and record_offset >= $3
         and record_offset < $4 order by record_offset offset ${ROWS_PER_BATCH} limit 1`,
      at,
    );
    const next = BigInt(end.rows[0]?.record_offset ?? upper);
    const deleted = await client.query<{ record_offset: string; source: string; event_id: string | null }>(
      `delete from message_metadata where incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4
       returning record_offset, source, case when kind = 'message' then event_id end as event_id`,
      [incarnation, partition, String(lower), String(next)],
    );
    const messages = deleted.rows.filter(({ event_id }) => event_id !== null);
    await client.query('insert into purged_messages select * from unnest($1::text[], $2::text[])', [
      messages.map(({ source }) => source),
      messages.map(({ event_id }) => event_id),
    ]);
    const offsets = deleted.rows.map(({ record_offset }) => record_offset);
    if (offsets.length > 0) await putOnTheBooks(client, [incarnation, partition, offsets, reason]);
    // What is shown as stored. It may be less than what is deleted, where rows came from an earlier version or by hand.
    await client.query(
      `update coverage set rows_total = greatest(0, rows_total - $3) where incarnation = $1 and partition = $2`,
      [incarnation, partition, deleted.rowCount],
    );
    await client.query('commit');
    return { rows: deleted.rowCount ?? 0, next };
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/**
 * What was folded from rows that are gone: what became of a message that has just been deleted, or never came, and a chat without messages. A message
 * that has another row, with another body, keeps what became of it. The state of one that never came may have been written since, from rows that
 * stay; its turn comes with theirs, and so it does for what a purge that was cut off had deleted.
 */
async function purgeWhatWasFolded(client: pg.Client, before: string): Promise<void> {
  const hasNoRow = `not exists (
    select from message_metadata m where m.kind = 'message' and m.source = s.source and m.event_id = s.message_id)`;
  await client.query(`delete from message_state s where updated_at < $1 and ${hasNoRow}`, [before]);
  await client.query('analyze purged_messages');
  await client.query(
    `delete from message_state s using (select distinct source, message_id from purged_messages) as gone
     where s.source = gone.source and s.message_id = gone.message_id and ${hasNoRow}`,
  );
  await client.query(
    `delete from conversations c where last_at < $1 and not exists (
       select from message_metadata m where m.kind = 'message' and m.source = c.source and m.chat = c.chat)`,
    [before],
  );
}

/** Offsets that follow each other are one range, also with those of ranges that are there. */
async function putOnTheBooks(
  client: pg.Client,
  given: readonly [incarnation: string, partition: number, offsets: readonly string[], reason: string],
): Promise<void> {
  await client.query(
    `with gone as (select unnest($3::bigint[]) as record_offset),
     known as (
       delete from purged where incarnation = $1 and partition = $2
         and lower_offset <= (select max(record_offset) + 1 from gone) and upper_offset >= (select min(record_offset) from gone)
       returning lower_offset, upper_offset),
     pieces as (
       select int8range(record_offset, record_offset + 1) as piece from gone
       union all select int8range(lower_offset, upper_offset) from known)
     insert into purged (incarnation, partition, lower_offset, upper_offset, reason)
     select $1, $2, lower(whole), upper(whole), $4 from (select unnest(range_agg(piece)) as whole from pieces) as joined`,
    [...given],
  );
}

function pastTime(text: string): string {
  const time = isoTime(text);
  if (time !== undefined && Date.parse(time) < Date.now()) return time;
  throw new InvalidArgumentError(
    'It must be an ISO 8601 time in the past, with its zone, such as 2026-01-31T12:00:00Z.',
  );
}
