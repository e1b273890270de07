// What became of a command's replies, and which command a reply is to. The outbox forgets what it has sent, so the log is asked.
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { ExplainTools } from './explain.ts';
import type { LifeFacts } from './life.ts';

/** The event key of the command that a reply answers; undefined where no reply of that id is on the log. */
export async function commandOfReply(
  tools: ExplainTools,
  replyId: string,
  onProgress: (text: string) => void,
): Promise<string | undefined> {
  onProgress(`no message has this id; reading ${TOPIC.outgoing}`);
  for await (const { reply } of repliesOnLog(tools)) if (reply.replyId === replyId.toLowerCase()) return reply.eventKey;
  return undefined;
}

/** Effects of a command, its replies on the log, and what the peer said of them. */
export async function answersOf(
  tools: ExplainTools,
  eventKey: string | null,
): Promise<Pick<LifeFacts, 'effect' | 'replies' | 'acknowledged'>> {
  const none = { effect: null, replies: [], acknowledged: [] };
  if (eventKey === null) return none;
  const { rows } = await tools.pool.query<{ status: string; created_at: Date; detail: string | null }>(
    'select status, created_at, detail from effects where event_key = $1 limit 1',
    [eventKey],
  );
  const [effect] = rows;
  if (effect === undefined) return none;
  const replies: { replyId: string; offset: number; atMs: number }[] = [];
  for await (const { reply, offset } of repliesOnLog(tools))
    if (reply.eventKey === eventKey)
      replies.push({ replyId: reply.replyId, offset: Number(offset), atMs: reply.createdAt });
  const acknowledged = await tools.pool.query<{ event_id: string; received_at: Date }>(
    `select event_id, received_at from message_metadata where kind = 'delivered' and event_id = any($1::text[])`,
    [replies.map(({ replyId }) => replyId)],
  );
  return {
    effect: { status: effect.status, atMs: effect.created_at.getTime(), detail: effect.detail },
    replies,
    acknowledged: acknowledged.rows.map((row) => ({ replyId: row.event_id, atMs: row.received_at.getTime() })),
  };
}

interface LoggedReply {
  readonly reply: Dispatch;
  readonly offset: bigint;
}

async function* repliesOnLog({ admin, ranges, codec }: ExplainTools): AsyncGenerator<LoggedReply> {
  for (const [partition, { logStart, lastStable }] of await admin.ends(TOPIC.outgoing)) {
    for await (const entries of ranges.read({ topic: TOPIC.outgoing, partition }, logStart, lastStable)) {
      for (const entry of entries) {
        if (entry.kind !== 'record') continue;
        const decoded = await codec.decode(TOPIC.outgoing, entry.record.value);
        if (decoded.ok) yield { reply: decoded.value, offset: entry.record.offset };
      }
    }
  }
}
