// The tables `effects` (what each command did, once) and `outbox` (replies on their way to the log). It promises that an
// effect and its reply become durable together or not at all, and that a command whose effect exists posts nothing again.
import type { Offset } from '../../kafka/log.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import type { OutboxReply } from './dispatch.ts';

export const EFFECT_REPLY = 'reply';

export interface Effect {
  readonly eventKey: string;
  /** The source that is replied to. */
  readonly target: string;
  readonly recordOffset: Offset;
  readonly detail: string;
  /** null: the effect is recorded as skipped, and nothing is sent now or later. */
  readonly reply: OutboxReply | null;
}

export interface RecordPlace {
  readonly incarnation: string;
  readonly partition: number;
}

// One statement, hence one transaction. Effects are inserted in the order of their keys, so that two members that handle
// the same records (a rebalance in between) wait for each other and never deadlock; replies keep the order of the records.
const POST = `
  with asked as (
    select * from unnest($3::uuid[], $4::text[], $5::bigint[], $6::text[],
                         $7::uuid[], $8::text[], $9::int[], $10::text[], $11::bytea[], $12::timestamptz[])
      with ordinality as t(event_key, target, record_offset, detail,
                           reply_id, topic, outgoing_partition, key, value, created_at, position)
  ), fresh as (
    insert into effects (event_key, kind, target, status, detail, incarnation, partition, record_offset)
    select event_key, '${EFFECT_REPLY}', target, case when reply_id is null then 'skipped' else 'done' end, detail, $1, $2, record_offset
    from asked order by event_key
    on conflict do nothing
    returning event_key
  ), posted as (
    insert into outbox (reply_id, topic, partition, key, value, created_at)
    select reply_id, topic, outgoing_partition, key, value, created_at
    from asked join fresh using (event_key) where reply_id is not null order by position
    on conflict (reply_id) do nothing
  )
  select event_key from fresh`;

/** Returns the event keys whose effect is new; all others had theirs before. Event keys must not repeat in `effects`. */
export async function postEffects(
  pool: Pool,
  place: RecordPlace,
  effects: readonly Effect[],
): Promise<ReadonlySet<string>> {
  const replies = effects.map(({ reply }) => reply);
  const { rows } = await pool.query<{ event_key: string }>({
    name: 'commands-post-effects',
    text: POST,
    values: [
      place.incarnation,
      place.partition,
      effects.map(({ eventKey }) => eventKey),
      effects.map(({ target }) => target.replaceAll('\u0000', '\uFFFD')),
      effects.map(({ recordOffset }) => String(recordOffset)),
      effects.map(({ detail }) => detail),
      replies.map((reply) => reply?.replyId ?? null),
      replies.map((reply) => reply?.topic ?? null),
      replies.map((reply) => reply?.partition ?? null),
      replies.map((reply) => reply?.key ?? null),
      replies.map((reply) => reply?.value ?? null),
      replies.map((reply) => (reply === null ? null : new Date(reply.createdAtMs))),
    ],
  });
  return new Set(rows.map(({ event_key }) => event_key));
}

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
  where sent_at is null order by sequence limit $1 for update skip locked`;

/** Begins a transaction that holds the oldest unsent replies, in order, until it is ended by the caller. */
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

export async function markSent(client: PoolClient, sent: readonly SentReply[]): Promise<void> {
  await client.query({
    name: 'commands-mark-sent',
    text: `update outbox set sent_at = clock_timestamp(), sent_offset = s.sent_offset
           from unnest($1::uuid[], $2::bigint[]) as s(reply_id, sent_offset) where outbox.reply_id = s.reply_id`,
    values: [sent.map(({ replyId }) => replyId), sent.map(({ offset }) => String(offset))],
  });
}

export async function countUnsent(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ unsent: string }>(
    'select count(*)::text as unsent from outbox where sent_at is null',
  );
  return Number(rows[0]?.unsent ?? '0');
}
