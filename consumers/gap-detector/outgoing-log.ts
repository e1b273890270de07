// The outgoing topic as the audit keeps it from look to look: which replies it has, and whether each is the one that was sent.
import type { Codec } from '../../kafka/codec.ts';
import type { LogAdmin, LogRecord, RangeEntry, RangeReader } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import { UUID } from '../../schemas/event-key.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { payloadHash } from './digest.ts';
import type { ReplyRecord } from './replies.ts';
import { type Rules, SOUND_RULES } from './rules.ts';

export interface OutgoingTools {
  readonly admin: Pick<LogAdmin, 'ends'>;
  readonly ranges: Pick<RangeReader, 'read'>;
  readonly codec: Pick<Codec, 'decode'>;
  /** Has what the outbox has sent. */
  readonly pool: Pick<Pool, 'query'>;
  readonly rules?: Rules;
}

const REPLIES_MAX = 200_000;
const NOTHING = Buffer.alloc(0);

interface Logged extends Pick<LogRecord, 'partition' | 'offset' | 'value'> {
  readonly dispatch: Dispatch;
}

/** What is left of the topic: each offset is read once. */
export class OutgoingLog {
  readonly #replies: ReplyRecord[] = [];
  readonly #positions = new Map<number, bigint>();
  #forgottenMs = 0;

  get replies(): readonly ReplyRecord[] {
    return this.#replies;
  }

  /** Reads on to the end. Replies of before the time it returns may have left the log, or been let go of. */
  async read(tools: OutgoingTools, topic: string, signal?: AbortSignal): Promise<{ readonly logBeginsMs: number }> {
    let hasForgotten = false;
    for (const [partition, { logStart, lastStable }] of await tools.admin.ends(topic)) {
      hasForgotten ||= logStart > 0n;
      const position = this.#positions.get(partition) ?? logStart;
      const lower = position > logStart ? position : logStart;
      for await (const entries of tools.ranges.read({ topic, partition }, lower, lastStable, signal)) {
        const replies = await repliesOf(tools, entries);
        const last = entries.at(-1);
        // Together: what is read again after a failure would be there twice.
        this.#replies.push(...replies);
        if (last !== undefined) this.#positions.set(partition, offsetOf(last) + 1n);
        this.#forget();
      }
      this.#positions.set(partition, lastStable > lower ? lastStable : lower);
    }
    const begins = this.#replies.reduce(
      (lowest, { createdAtMs }) => Math.min(lowest, createdAtMs),
      Number.POSITIVE_INFINITY,
    );
    return { logBeginsMs: Math.max(this.#forgottenMs, hasForgotten ? begins : 0) };
  }

  /** What was judged long ago is let go of; effects as old are not judged any more. */
  #forget(): void {
    if (this.#replies.length <= REPLIES_MAX) return;
    for (const { createdAtMs } of this.#replies.splice(0, REPLIES_MAX / 10))
      this.#forgottenMs = Math.max(this.#forgottenMs, createdAtMs);
  }
}

/** Those that can be read; a command whose reply cannot has none. */
async function repliesOf(
  { codec, pool, rules = SOUND_RULES }: OutgoingTools,
  entries: readonly RangeEntry[],
): Promise<readonly ReplyRecord[]> {
  const logged: Logged[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'record') continue;
    const { partition, offset, value } = entry.record;
    const decoded = await codec.decode(TOPIC.outgoing, value);
    if (decoded.ok) logged.push({ partition, offset, value, dispatch: decoded.value });
  }
  const sent = await sentOf(pool, logged);
  return logged.map(({ dispatch, partition, offset, value }) => {
    const { replyId, eventKey, source, createdAt: createdAtMs } = dispatch;
    const isAltered = rules.isReplyAltered(payloadHash(value ?? NOTHING), sent.get(replyId));
    return { replyId, eventKey, source, partition, offset: Number(offset), createdAtMs, isAltered };
  });
}

/** Hashes of what the outbox holds under the ids of these replies; of what it has forgotten there is none. */
async function sentOf(pool: Pick<Pool, 'query'>, logged: readonly Logged[]): Promise<ReadonlyMap<string, string>> {
  // Whatever else stands in a reply's id, the outbox has nothing of that name, and the database would refuse the question.
  const ids = logged.map(({ dispatch }) => dispatch.replyId).filter((id) => UUID.test(id));
  if (ids.length === 0) return new Map();
  const { rows } = await pool.query<{ reply_id: string; hash: string }>({
    name: 'audit-sent-replies',
    text: `select reply_id, encode(sha256(value), 'hex') as hash from outbox where reply_id = any($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ reply_id, hash }) => [reply_id, hash]));
}
