// The table `outbox`: replies on their way to the log. They come into it together with their effect (effects.ts), and are
// marked when the log has them.
import type { Offset, TopicPartition } from '../../kafka/log.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import type { OutboxReply } from './dispatch.ts';

interface OutboxRow {
  readonly reply_id: string;
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
  readonly created_at: Date;
}

// Rows that another relay holds are skipped; a relay that vanished without closing its connection lets go of its rows when
// the server ends its idle transaction.
const BEGIN_TAKING = `begin; set local idle_in_transaction_session_timeout = '120s'`;
const COLUMNS = 'reply_id, topic, partition, key, value, created_at';
const IS_FREE = 'sent_at is null and (leased_until is null or leased_until < clock_timestamp())';
const TAKE = `
  select ${COLUMNS} from outbox
  where ${IS_FREE} and topic || '-' || partition <> all($2::text[]) and reply_id <> all($3::uuid[])
  order by sequence limit $1 for update skip locked`;
const TAKE_OF_EACH = `
  select free.* from unnest($2::text[], $3::int[]) as of_(topic, partition) cross join lateral (
    select ${COLUMNS} from outbox
    where ${IS_FREE} and topic = of_.topic and partition = of_.partition and reply_id <> all($4::uuid[])
    order by sequence limit $1 for update skip locked
  ) as free`;

/** What is not to be taken. */
export interface LeftAlone {
  /** As `partitionName` has them. */
  readonly partitions: readonly string[];
  readonly replyIds: readonly string[];
}

export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** Begins a transaction that holds the oldest unsent replies that are nobody's, in order, until it is ended by the caller. */
export async function takeUnsent(
  client: PoolClient,
  repliesMax: number,
  { partitions, replyIds }: LeftAlone,
): Promise<readonly OutboxReply[]> {
  await client.query(BEGIN_TAKING);
  const values = [repliesMax, partitions, replyIds];
  return replies(await client.query<OutboxRow>({ name: 'commands-take-unsent', text: TAKE, values }));
}

/** As `takeUnsent`, of these partitions alone, and of each one so many. */
export async function takeOfEach(
  client: PoolClient,
  partitions: readonly TopicPartition[],
  repliesMax: number,
  { replyIds }: Pick<LeftAlone, 'replyIds'>,
): Promise<readonly OutboxReply[]> {
  await client.query(BEGIN_TAKING);
  const places = [partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)];
  const values = [repliesMax, ...places, replyIds];
  return replies(await client.query<OutboxRow>({ name: 'commands-take-of-each', text: TAKE_OF_EACH, values }));
}

/** The names of those of which something is unsent, in whoever's hands. */
export async function withUnsent(
  client: PoolClient,
  partitions: readonly TopicPartition[],
): Promise<ReadonlySet<string>> {
  if (partitions.length === 0) return new Set();
  const { rows } = await client.query<TopicPartition>({
    name: 'commands-with-unsent',
    text: `select topic, partition from unnest($1::text[], $2::int[]) as of_(topic, partition)
      where exists (select from outbox where sent_at is null and topic = of_.topic and partition = of_.partition)`,
    values: [partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)],
  });
  return new Set(rows.map(partitionName));
}

function replies({ rows }: { readonly rows: readonly OutboxRow[] }): readonly OutboxReply[] {
  return rows.map(({ reply_id, topic, partition, key, value, created_at }) => {
    return { replyId: reply_id, topic, partition, key, value, createdAtMs: created_at.getTime() };
  });
}

export interface SentReply {
  readonly replyId: string;
  readonly offset: Offset;
}

// Nobody waits for the disk: a mark that a crash of the database takes back means an append more under the same reply id.
const MARK = `
  update outbox set sent_at = clock_timestamp(), sent_offset = s.sent_offset
  from unnest($1::uuid[], $2::bigint[]) as s(reply_id, sent_offset), (select set_config('synchronous_commit', 'off', true)) as soon
  where outbox.reply_id = s.reply_id`;

export async function markSent(client: Pool | PoolClient, sent: readonly SentReply[]): Promise<void> {
  await client.query({
    name: 'commands-mark-sent',
    text: MARK,
    values: [sent.map(({ replyId }) => replyId), sent.map(({ offset }) => String(offset))],
  });
}

/** Gives up the lease of replies that could not be appended: any relay may try. */
export async function giveBack(pool: Pool, replyIds: readonly string[]): Promise<void> {
  await pool.query('update outbox set leased_until = null where reply_id = any($1::uuid[])', [replyIds]);
}

export async function countUnsent(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ unsent: string }>(
    'select count(*)::text as unsent from outbox where sent_at is null',
  );
  return Number(rows[0]?.unsent ?? '0');
}
