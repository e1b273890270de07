// The table `outbox`: replies on their way to the log. They come into it together with their effect (effects.ts), and are
// marked when the log has them.
import type { Offset } from '../../kafka/log.ts';
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
const TAKE = `
  select reply_id, topic, partition, key, value, created_at from outbox
  where sent_at is null and (leased_until is null or leased_until < clock_timestamp())
  order by sequence limit $1 for update skip locked`;

/** Begins a transaction that holds the oldest unsent replies that are nobody's, in order, until it is ended by the caller. */
export async function takeUnsent(client: PoolClient, repliesMax: number): Promise<readonly OutboxReply[]> {
  await client.query(BEGIN_TAKING);
  const { rows } = await client.query<OutboxRow>({ name: 'commands-take-unsent', text: TAKE, values: [repliesMax] });
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
