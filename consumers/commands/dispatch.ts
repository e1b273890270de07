// From a command and its reply's text to the record that carries the reply. The reply id depends on nothing but the
// command, so whatever is repeated after a crash is recognised at delivery.
import type { Appender, AppendOutcome, AppendRecord, TopicPartition } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { columnText, NAME_CHARS_MAX, storable } from '../../schemas/column-text.ts';
import { derivedUuid } from '../../schemas/event-key.ts';
import type { Dispatch, IncomingEvent } from '../../schemas/generated.ts';
import { systemClock } from '../../service/clock.ts';
import type { Command } from './command.ts';

export function toDispatch(
  event: Pick<IncomingEvent, 'source' | 'connection' | 'chat' | 'id'>,
  eventKey: string,
  command: Pick<Command, 'name'>,
  content: string,
  nowMs: number,
): Dispatch {
  return {
    replyId: derivedUuid('reply', eventKey, command.name),
    source: event.source,
    connection: event.connection,
    chat: event.chat,
    inReplyTo: event.id,
    eventKey,
    command: command.name,
    content,
    createdAt: nowMs,
  };
}

/** The effect of a reply names the source that is replied to, cut as in its rows: it is a part of the ledger's key. */
export function targetOf(source: string): string {
  return columnText(source, NAME_CHARS_MAX).text;
}

/** The record's key: replies to one chat stay in order. It waits in the database. */
export function keyOf({ chat, source }: Pick<Dispatch, 'chat' | 'source'>): string {
  return storable(chat ?? source);
}

/** A reply on its way from the outbox to the log. */
export interface OutboxReply {
  readonly replyId: string;
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** Encoded. */
  readonly value: Buffer;
  readonly createdAtMs: number;
}

export function toOutboxReply(dispatch: Dispatch, topic: string, partitions: number, value: Buffer): OutboxReply {
  const key = keyOf(dispatch);
  const partition = partitionFor(key, partitions);
  return { replyId: dispatch.replyId, topic, partition, key, value, createdAtMs: dispatch.createdAt };
}

/**
 * To their partition, which they share. A time that the broker does not take is that of a clock that was wrong when they were made: they go out under
 * the present one then, and carry their own.
 */
export async function appendReplies(
  appender: Pick<Appender, 'append'>,
  to: TopicPartition,
  replies: readonly OutboxReply[],
): Promise<AppendOutcome> {
  const records = replies.map(toAppendRecord);
  const answer = await appender.append(to, records);
  if (answer.outcome !== 'unknown' || answer.error.code !== 'PMC_CLOCKS_DIFFER') return answer;
  const timestampMs = systemClock.nowMs();
  return await appender.append(
    to,
    records.map((record) => ({ ...record, timestampMs })),
  );
}

function toAppendRecord({ replyId, key, value, createdAtMs }: OutboxReply): AppendRecord {
  return { key, value, headers: { 'reply-id': replyId }, timestampMs: createdAtMs };
}
