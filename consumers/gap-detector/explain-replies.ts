// What became of a command's replies, and which command a reply is to. The outbox forgets what it has sent, so the log is asked, by the
// audit's own reading of it, and whether a reply must be there is the audit's own rule.
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { ExplainTools } from './explain.ts';
import type { LifeFacts } from './life.ts';
import { OutgoingLog } from './outgoing-log.ts';
import type { EffectLine } from './replies.ts';
import { oldestUnsent, REPLY_GRACE_MS } from './reply-ledgers.ts';
import { SOUND_RULES } from './rules.ts';

/** The event key of the command that a reply answers; undefined where no reply of that id is on the log. */
export async function commandOfReply(
  tools: ExplainTools,
  asked: string,
  onProgress: (text: string) => void,
): Promise<string | undefined> {
  onProgress(`no message has this id; reading ${TOPIC.outgoing}`);
  const { replies } = await readReplies(tools, ({ replyId }) => replyId === asked.toLowerCase());
  return replies[0]?.eventKey;
}

export interface EffectTold extends EffectLine {
  readonly kind: string;
  readonly detail: string | null;
}

/** That of the reply, where a command has another too. */
export async function effectOf({ pool }: ExplainTools, eventKey: string | null): Promise<EffectTold | null> {
  const { rows } = await pool.query<{
    kind: string;
    target: string;
    status: EffectLine['status'];
    created_at: Date;
    detail: string | null;
  }>(
    `select kind, target, status, created_at, detail from effects where event_key = $1 order by kind = 'reply' desc limit 1`,
    [eventKey],
  );
  const [row] = rows;
  if (eventKey === null || row === undefined) return null;
  const { kind, target: source, status, created_at, detail } = row;
  return { kind, eventKey, source, status, atMs: created_at.getTime(), detail };
}

type Answers = Pick<LifeFacts, 'isReplyDue' | 'replies' | 'acknowledged'>;

export const NO_ANSWERS: Answers = { isReplyDue: false, replies: [], acknowledged: [] };

/** Replies to a command on the log, and what the peer said of them. `effect`: asked for before; null where it has none. */
export async function answersOf(tools: ExplainTools, eventKey: string, effect: EffectTold | null): Promise<Answers> {
  const nowMs = tools.clock.nowMs();
  const oldestUnsentMs = await oldestUnsent(tools.pool);
  const { logBeginsMs, replies } = await readReplies(tools, (reply) => reply.eventKey === eventKey);
  const { rows } = await tools.pool.query<{ event_id: string; received_at: Date }>(
    `select event_id, received_at from message_metadata where kind = 'delivered' and event_id = any($1::text[])`,
    [replies.map(({ replyId }) => replyId)],
  );
  const times = { oldestUnsentMs, logBeginsMs, nowMs, graceMs: REPLY_GRACE_MS };
  return {
    isReplyDue: effect !== null && effect.kind === 'reply' && SOUND_RULES.isReplyDue(effect, times),
    replies: replies.map(({ replyId, offset, createdAtMs }) => ({ replyId, offset, atMs: createdAtMs })),
    acknowledged: rows.map(({ event_id, received_at }) => ({ replyId: event_id, atMs: received_at.getTime() })),
  };
}

async function readReplies(tools: ExplainTools, isWanted: (reply: Dispatch) => boolean) {
  const log = new OutgoingLog({ isWanted });
  const read = await log.read(tools, TOPIC.outgoing, tools.clock.nowMs());
  return { ...read, replies: log.replies };
}
