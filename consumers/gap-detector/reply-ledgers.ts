// Reads the three ledgers that replies.ts judges: effects and acknowledgements from the database, replies from the outgoing topic; and
// the commands without an effect.
import type { TopicDescription } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { type CommandTools, lookAtCommands } from './command-ledger.ts';
import type { OutgoingLog, OutgoingTools } from './outgoing-log.ts';
import { type EffectLine, judgeReplies, type ReplyInput, type ReplyRecord } from './replies.ts';

export type ReplyTools = CommandTools & OutgoingTools;

/** A reply may be on its way from its effect to the log, and from the log to its peer. */
const REPLY_GRACE_MS = 30_000;

async function effectsOf(pool: Pool): Promise<readonly EffectLine[]> {
  const { rows } = await pool.query<{
    event_key: string;
    target: string;
    status: EffectLine['status'];
    created_at: Date;
  }>(`select event_key, target, status, created_at from effects where kind = 'reply'`);
  return rows.map(({ event_key, target, status, created_at }) => {
    return { eventKey: event_key, source: target, status, atMs: created_at.getTime() };
  });
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

/** What the stages of replies lie between. */
export interface ReplyTopics {
  readonly incoming: Pick<TopicDescription, 'topic' | 'incarnation'>;
  readonly outgoing: string;
}

/** Both stages of replies, looked at once. Effects first: their replies are on the log when that is read afterwards. */
export async function lookAtReplies(
  tools: ReplyTools,
  outgoing: OutgoingLog,
  topics: ReplyTopics,
  nowMs: number,
  signal?: AbortSignal,
): Promise<ReturnType<typeof judgeReplies>> {
  const { pool } = tools;
  const commands = await lookAtCommands(tools, topics.incoming, nowMs, REPLY_GRACE_MS);
  const effects = await effectsOf(pool);
  const unsent = await pool.query<{ oldest: Date | null }>(
    'select min(created_at) as oldest from outbox where sent_at is null',
  );
  const { logBeginsMs } = await outgoing.read(tools, topics.outgoing, signal);
  const acknowledged = await acknowledgedOf(pool, outgoing.replies);
  const oldestUnsentMs = unsent.rows[0]?.oldest?.getTime() ?? Number.POSITIVE_INFINITY;
  const { replies } = outgoing;
  const times = { oldestUnsentMs, logBeginsMs, nowMs, graceMs: REPLY_GRACE_MS };
  return judgeReplies({ topic: topics.outgoing, effects, commands, replies, acknowledged, ...times }, tools.rules);
}
