// What the outbox remembers of replies that it has sent: their bytes, and when those were made that have left the log since.
import type { TopicPartition } from '../../kafka/log.ts';
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
