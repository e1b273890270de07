// The outgoing topic as the audit keeps it from look to look: which replies it has, whether each is the one that was sent, and since when
// it is known: partitions forget each for itself, and memory lets go of the oldest.
import type { Codec } from '../../kafka/codec.ts';
import type { LogAdmin, LogRecord, PartitionEnds, RangeEntry, RangeReader, TopicPartition } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { payloadHash } from './digest.ts';
import type { ReplyRecord } from './replies.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import { databaseTime, sentBelow, sentHashes, sentToFormer } from './sent-replies.ts';

export interface OutgoingTools {
  readonly admin: Pick<LogAdmin, 'ends' | 'topics'>;
  readonly ranges: Pick<RangeReader, 'read'>;
  readonly codec: Pick<Codec, 'decode'>;
  /** Has what the outbox has sent. */
  readonly pool: Pick<Pool, 'query'>;
  readonly rules?: Rules;
}

interface OutgoingOptions {
  /** More are not kept: the oldest are let go of. */
  readonly repliesMax?: number;
  /** Others are read and not kept. */
  readonly isWanted?: (reply: Dispatch) => boolean;
}

export interface ReadReplies {
  /** Replies of up to this time may have left the log, or been let go of; 0: none has. */
  readonly logBeginsMs: number;
}

const REPLIES_MAX = 200_000;
const NOTHING = Buffer.alloc(0);

interface Logged extends Pick<LogRecord, 'partition' | 'offset' | 'value'> {
  readonly dispatch: Dispatch;
}

interface Kept {
  /** Below it all is read. */
  position: bigint;
  replies: ReplyRecord[];
  /** What left the log unread is of up to this time, and older than the next reply that is read; undefined: nothing did. */
  unreadUntilMs: number | undefined;
}

/** What is left of the topic: each offset is read once. */
export class OutgoingLog {
  readonly #repliesMax: number;
  readonly #isWanted: (reply: Dispatch) => boolean;
  readonly #partitions = new Map<number, Kept>();
  #incarnation: string | undefined;
  #forgottenMs = 0;
  #letGoMs = Number.NEGATIVE_INFINITY;

  constructor({ repliesMax = REPLIES_MAX, isWanted = () => true }: OutgoingOptions = {}) {
    this.#repliesMax = repliesMax;
    this.#isWanted = isWanted;
  }

  get replies(): readonly ReplyRecord[] {
    return [...this.#partitions.values()].flatMap(({ replies }) => replies);
  }

  /** Reads on to the end. */
  async read(tools: OutgoingTools, topic: string, nowMs: number, signal?: AbortSignal): Promise<ReadReplies> {
    const [described] = await tools.admin.topics([topic]);
    // Made again: whatever the topic of before had until now may be gone, read or not.
    if (this.#incarnation !== undefined && this.#incarnation !== described?.incarnation) {
      this.#partitions.clear();
      this.#forget(nowMs, nowMs);
    }
    // Nothing is remembered of the topic yet: the outbox says whether there was another one. What is sent from now on is on this one.
    const sentUntil = this.#incarnation === undefined ? await databaseTime(tools.pool) : undefined;
    const all = await tools.admin.ends(topic);
    if (sentUntil !== undefined) this.#forget(await sentToFormer(tools.pool, topic, all, sentUntil), nowMs);
    this.#incarnation = described?.incarnation;
    for (const [partition, ends] of all) await this.#readOn(tools, { topic, partition }, ends, nowMs, signal);
    return { logBeginsMs: Math.max(this.#forgottenMs, this.#letGoMs) };
  }

  async #readOn(
    tools: OutgoingTools,
    at: TopicPartition,
    { logStart, lastStable }: PartitionEnds,
    nowMs: number,
    signal?: AbortSignal,
  ): Promise<void> {
    let kept = this.#partitions.get(at.partition);
    // Cut: of what was read some is gone, and of what lies below the end now some may be another.
    if (kept !== undefined && lastStable < kept.position) {
      kept = undefined;
      this.#forget(nowMs, nowMs);
    }
    kept ??= { position: 0n, replies: [], unreadUntilMs: undefined };
    this.#partitions.set(at.partition, kept);
    this.#expire(kept, logStart, nowMs);
    if (logStart > kept.position) {
      kept.unreadUntilMs = await sentBelow(tools.pool, at, logStart);
      kept.position = logStart;
    }
    for await (const entries of tools.ranges.read(at, kept.position, lastStable, signal)) {
      const logged = await decoded(tools, entries);
      const wanted = logged.filter(({ dispatch }) => this.#isWanted(dispatch) && dispatch.createdAt > this.#letGoMs);
      const replies = await compared(tools, wanted);
      // Together: what is read again after a failure would be there twice.
      kept.replies.push(...replies);
      const last = entries.at(-1);
      if (last !== undefined) kept.position = offsetOf(last) + 1n;
      const [first] = logged;
      if (first !== undefined) this.#settle(kept, first.dispatch.createdAt, nowMs);
      this.#letGo();
    }
    if (lastStable > kept.position) kept.position = lastStable;
    this.#settle(kept, nowMs, nowMs);
  }

  /** What was read and has left the log since. */
  #expire(kept: Kept, logStart: bigint, nowMs: number): void {
    const isGone = ({ offset }: ReplyRecord): boolean => offset < logStart;
    for (const { createdAtMs } of kept.replies.filter(isGone)) this.#forget(createdAtMs, nowMs);
    kept.replies = kept.replies.filter((reply) => !isGone(reply));
  }

  #settle(kept: Kept, firstMs: number, nowMs: number): void {
    if (kept.unreadUntilMs !== undefined) this.#forget(Math.min(kept.unreadUntilMs, firstMs), nowMs);
    kept.unreadUntilMs = undefined;
  }

  #forget(untilMs: number, nowMs: number): void {
    this.#forgottenMs = Math.max(this.#forgottenMs, Math.min(untilMs, nowMs));
  }

  /** The oldest of all partitions, so that none is let go of that is younger than one of another partition that is kept. */
  #letGo(): void {
    const partitions = [...this.#partitions.values()];
    const count = partitions.reduce((sum, { replies }) => sum + replies.length, 0);
    if (count <= this.#repliesMax) return;
    const times = Float64Array.from(this.replies, ({ createdAtMs }) => createdAtMs).sort();
    const keptMax = Math.ceil((this.#repliesMax * 9) / 10);
    this.#letGoMs = times[count - keptMax - 1] ?? this.#letGoMs;
    for (const kept of partitions) kept.replies = kept.replies.filter((one) => one.createdAtMs > this.#letGoMs);
  }
}

/** Those that can be read; a command whose reply cannot has none. */
async function decoded({ codec }: OutgoingTools, entries: readonly RangeEntry[]): Promise<readonly Logged[]> {
  const logged: Logged[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'record') continue;
    const { partition, offset, value } = entry.record;
    const read = await codec.decode(TOPIC.outgoing, value);
    if (read.ok) logged.push({ partition, offset, value, dispatch: read.value });
  }
  return logged;
}

async function compared(
  { pool, rules = SOUND_RULES }: OutgoingTools,
  logged: readonly Logged[],
): Promise<readonly ReplyRecord[]> {
  const sent = await sentHashes(
    pool,
    logged.map(({ dispatch }) => dispatch.replyId),
  );
  return logged.map(({ dispatch, partition, offset, value }) => {
    const { replyId, eventKey, source, createdAt: createdAtMs } = dispatch;
    const isAltered = rules.isReplyAltered(payloadHash(value ?? NOTHING), sent.get(replyId));
    return { replyId, eventKey, source, partition, offset: Number(offset), createdAtMs, isAltered };
  });
}
