// Reads the three ledgers that replies.ts judges: effects and acknowledgements from the database, replies from the outgoing topic; and
// the commands without an effect.
import type { TopicDescription } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { type CommandTools, lookAtCommands } from './command-ledger.ts';
import type { OutgoingLog, OutgoingTools } from './outgoing-log.ts';
import { type EffectLine, judgeReplies, type ReplyInput, type ReplyRecord } from './replies.ts';

export type ReplyTools = CommandTools & OutgoingTools;

/** A reply may be on its way from its effect to the log, and from the log to its peer. */
export const REPLY_GRACE_MS = 30_000;

/** Of this time or later: replies of before have left the log, and effects of before are as many as the ledger keeps days. */
async function effectsSince(pool: Pool, sinceMs: number): Promise<readonly EffectLine[]> {
  const { rows } = await pool.query<{
    event_key: string;
    target: string;
    status: EffectLine['status'];
    created_at: Date;
  }>(`select event_key, target, status, created_at from effects where kind = 'reply' and created_at >= $1`, [
    new Date(sinceMs),
  ]);
  return rows.map(({ event_key, target, status, created_at }) => {
    return { eventKey: event_key, source: target, status, atMs: created_at.getTime() };
  });
}

/** Whether a command of before this time was answered. */
async function hasEffectBefore(pool: Pool, beforeMs: number): Promise<boolean> {
  const { rows } = await pool.query<{ has: boolean }>(
    `select exists (select from effects where kind = 'reply' and status = 'done' and created_at < $1) as has`,
    [new Date(beforeMs)],
  );
  return rows[0]?.has ?? false;
}

/** Those behind it are on their way. */
export async function oldestUnsent(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ oldest: Date | null }>(
    'select min(created_at) as oldest from outbox where sent_at is null',
  );
  return rows[0]?.oldest?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** Which of these reply ids a peer has acknowledged: an event of kind `delivered` that names it. */
async function acknowledgedOf(pool: Pool, replies: readonly ReplyRecord[]): Promise<ReplyInput['acknowledged']> {
  const { rows } = await pool.query<{ event_id: string }>(
    `select distinct m.event_id from message_metadata m join unnest($1::text[]) as asked (reply_id) on m.event_id = asked.reply_id
     where m.kind = 'delivered'`,
    [[...new Set(replies.map(({ replyId }) => replyId))]],
  );
  return new Set(rows.map(({ event_id }) => event_id));
}

/**
 * Acknowledgements that were received before this time may be purged, as any row; -Infinity: none is. A purge deletes the rows of a partition
 * up to the first that was received at or after its time, and that time is past.
 */
async function acknowledgedFrom(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ until: Date | null }>(
    `select max(least(kept.received_at, books.purged_at)) as until
     from (select incarnation, partition, max(upper_offset) as upper, max(created_at) as purged_at from purged group by 1, 2) as books
     left join lateral (
       select received_at from message_metadata m
       where (m.incarnation, m.partition) = (books.incarnation, books.partition) and m.record_offset >= books.upper
       order by m.record_offset limit 1) as kept on true`,
  );
  return rows[0]?.until?.getTime() ?? Number.NEGATIVE_INFINITY;
}

/** What the stages of replies lie between. */
export interface ReplyTopics {
  readonly incoming: Pick<TopicDescription, 'topic' | 'incarnation'>;
  readonly outgoing: string;
}

/** Both stages of replies, looked at once. */
export async function lookAtReplies(
  tools: ReplyTools,
  outgoing: OutgoingLog,
  topics: ReplyTopics,
  nowMs: number,
  signal?: AbortSignal,
): Promise<ReturnType<typeof judgeReplies>> {
  const { pool } = tools;
  const commands = await lookAtCommands(tools, topics.incoming, nowMs, REPLY_GRACE_MS);
  // Of which time effects can be judged is known when the log is read; their replies are on it when it is read once more.
  const { logBeginsMs: sinceMs } = await outgoing.read(tools, topics.outgoing, nowMs, signal);
  const effects = await effectsSince(pool, sinceMs);
  const hasEarlierEffects = sinceMs > 0 && (await hasEffectBefore(pool, sinceMs));
  const oldestUnsentMs = await oldestUnsent(pool);
  const { logBeginsMs } = await outgoing.read(tools, topics.outgoing, nowMs, signal);
  const { replies } = outgoing;
  const acknowledged = await acknowledgedOf(pool, replies);
  // After it: what was deleted before was received before that time.
  const acknowledgedFromMs = await acknowledgedFrom(pool);
  const times = { oldestUnsentMs, logBeginsMs, acknowledgedFromMs, nowMs, graceMs: REPLY_GRACE_MS };
  const ledgers = { effects, hasEarlierEffects, commands, replies, acknowledged };
  return judgeReplies({ topic: topics.outgoing, ...ledgers, ...times }, tools.rules);
}
