// What the outbox remembers of replies that it has sent: their bytes, and when those were made that have left the log since.
import type { PartitionEnds, TopicPartition } from '../../kafka/log.ts';
import { UUID } from '../../schemas/event-key.ts';
import type { Pool } from '../../service/database.ts';

/** Hashes of what the outbox holds under these ids of replies; of what it has forgotten there is none. */
export async function sentHashes(
  pool: Pick<Pool, 'query'>,
  replyIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  // Whatever else stands in a reply's id, the outbox has nothing of that name, and the database would refuse the question.
  const ids = replyIds.filter((id) => UUID.test(id));
  if (ids.length === 0) return new Map();
  const { rows } = await pool.query<{ reply_id: string; hash: string }>({
    name: 'audit-sent-replies',
    text: `select reply_id, encode(sha256(value), 'hex') as hash from outbox where reply_id = any($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ reply_id, hash }) => [reply_id, hash]));
}

/**
 * Up to when replies were made that were sent to below this offset: the newest one that the outbox still has, or what it has forgotten, in
 * one moment. Infinity where it has never forgotten anything: then it may be younger than the log.
 */
export async function sentBelow(
  pool: Pick<Pool, 'query'>,
  { topic, partition }: TopicPartition,
  offset: bigint,
): Promise<number> {
  const { rows } = await pool.query<{ forgotten: Date | null; newest: Date | null }>({
    name: 'audit-sent-below',
    text: `
      select (select before from forgotten where what = 'outbox') as forgotten,
        (select max(created_at) from outbox
         where topic = $1 and partition = $2 and sent_at is not null and coalesce(sent_offset, 0) < $3) as newest`,
    values: [topic, partition, String(offset)],
  });
  const { forgotten, newest } = rows[0] ?? { forgotten: null, newest: null };
  return forgotten === null ? Number.POSITIVE_INFINITY : Math.max(forgotten.getTime(), newest?.getTime() ?? 0);
}

/** By the clock that marks replies as sent; to the last microsecond, hence as a text. */
export async function databaseTime(pool: Pick<Pool, 'query'>): Promise<string> {
  const { rows } = await pool.query<{ now: string }>({
    name: 'audit-database-time',
    text: 'select clock_timestamp()::text as now',
  });
  return rows[0]?.now ?? '-infinity';
}

/**
 * Up to when replies were made that went with a former topic, or were cut off: of those sent by this time, to where this one does not reach,
 * or where another reply was put later. 0: there are none.
 */
export async function sentToFormer(
  pool: Pick<Pool, 'query'>,
  topic: string,
  ends: ReadonlyMap<number, PartitionEnds>,
  sentUntil: string,
): Promise<number> {
  const { rows } = await pool.query<{ newest: Date | null }>({
    name: 'audit-sent-to-former',
    text: `
      select max(created_at) as newest
      from (
        select partition, sent_offset, created_at,
          sent_at < max(sent_at) over (partition by partition, sent_offset) as is_replaced
        from outbox where topic = $1 and sent_at <= $4::timestamptz and sent_offset >= 0) as sent
      left join unnest($2::int[], $3::bigint[]) as ends (partition, upper) using (partition)
      where is_replaced or sent_offset >= coalesce(upper, 0)`,
    values: [topic, [...ends.keys()], [...ends.values()].map(({ lastStable }) => String(lastStable)), sentUntil],
  });
  return rows[0]?.newest?.getTime() ?? 0;
}
