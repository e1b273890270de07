// The ledger of effects: what each command did, once. It promises that an effect becomes durable together with what it owes
// (the reply in the outbox, or the call that waits for its turn) or not at all, and that a command whose effect exists is
// owed nothing again.
import type { Offset } from '../../kafka/log.ts';
import { failureOf, type Pool } from '../../service/database.ts';
import { type OutboxReply, targetOf } from './dispatch.ts';

/** What an effect owes. */
export type Owed =
  | { readonly kind: 'reply'; readonly reply: OutboxReply }
  /** `given` fills the endpoint's templates, `asked` is whom to reply to: both JSON. */
  | { readonly kind: 'call'; readonly target: string; readonly given: string; readonly asked: string }
  /** Recorded as skipped: nothing is sent now or later. */
  | { readonly kind: 'nothing' };

export interface Effect {
  readonly eventKey: string;
  readonly source: string;
  readonly recordOffset: Offset;
  readonly receivedAtMs: number;
  readonly detail: string;
  /** Set where the answer counts for a limit. */
  readonly limitKey: string | undefined;
  readonly owed: Owed;
}

export interface RecordPlace {
  readonly incarnation: string;
  readonly partition: number;
}

// One statement, hence one transaction. Effects are inserted in the order of their keys, so that two members that handle
// the same records (a rebalance in between) wait for each other and never deadlock; replies keep the order of the records.
// What was received before the ledger's memory begins is left out here as well: retention may have moved since it was asked.
const POST = `
  with asked as (
    select * from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::uuid[],
                         $11::uuid[], $12::text[], $13::int[], $14::text[], $15::bytea[], $16::timestamptz[],
                         $17::json[], $18::json[], $19::int[])
      with ordinality as t(event_key, kind, target, status, record_offset, detail, received_at, limit_key,
                           reply_id, topic, outgoing_partition, key, value, created_at, given, asked, lease_ms, position)
    where not exists (select from forgotten where what = 'effects' and t.received_at < before)
  ), fresh as (
    insert into effects (event_key, kind, target, status, detail, incarnation, partition, record_offset, received_at, limit_key)
    select event_key, kind, target, status, detail, $1, $2, record_offset, received_at, limit_key
    from asked order by event_key
    on conflict do nothing
    returning event_key
  ), posted as (
    insert into outbox (reply_id, topic, partition, key, value, created_at, leased_until)
    select reply_id, topic, outgoing_partition, key, value, created_at, clock_timestamp() + interval '1 ms' * lease_ms
    from asked join fresh using (event_key) where reply_id is not null order by position
    on conflict (reply_id) do nothing
  ), queued as (
    insert into calls (event_key, target, given, asked, received_at)
    select event_key, target, given, asked, received_at
    from asked join fresh using (event_key) where given is not null order by position
    on conflict (event_key) do nothing
  )
  select event_key from fresh`;

/** The detail of an effect that the database did not take. */
const REFUSED = 'refused';

const STATUS = { reply: 'done', call: 'pending', nothing: 'skipped' } as const;

/**
 * Returns the event keys whose effect is new; all others had theirs before, or are too old to be remembered. Event keys must not
 * repeat in `effects`. For as long as `leaseMsOf` says a reply is the caller's to append; then anybody may.
 */
export async function postEffects(
  pool: Pool,
  place: RecordPlace,
  effects: readonly Effect[],
  leaseMsOf: (reply: OutboxReply) => number,
): Promise<ReadonlySet<string>> {
  const owed = effects.map((effect) => effect.owed);
  const replies = owed.map((one) => (one.kind === 'reply' ? one.reply : undefined));
  const callsOwed = owed.map((one) => (one.kind === 'call' ? one : undefined));
  const { rows } = await pool.query<{ event_key: string }>({
    name: 'commands-post-effects',
    text: POST,
    values: [
      place.incarnation,
      place.partition,
      effects.map(({ eventKey }) => eventKey),
      owed.map(({ kind }) => (kind === 'call' ? 'call' : 'reply')),
      effects.map(({ source }, index) => callsOwed[index]?.target ?? targetOf(source)),
      owed.map(({ kind }) => STATUS[kind]),
      effects.map(({ recordOffset }) => String(recordOffset)),
      effects.map(({ detail }) => detail),
      effects.map(({ receivedAtMs }) => new Date(receivedAtMs)),
      effects.map(({ limitKey }) => limitKey ?? null),
      replies.map((reply) => reply?.replyId ?? null),
      replies.map((reply) => reply?.topic ?? null),
      replies.map((reply) => reply?.partition ?? null),
      replies.map((reply) => reply?.key ?? null),
      replies.map((reply) => reply?.value ?? null),
      replies.map((reply) => (reply === undefined ? null : new Date(reply.createdAtMs))),
      callsOwed.map((call) => call?.given ?? null),
      callsOwed.map((call) => call?.asked ?? null),
      replies.map((reply) => (reply === undefined ? null : leaseMsOf(reply))),
    ],
  });
  return new Set(rows.map(({ event_key }) => event_key));
}

export interface Posted {
  /** Event keys whose effect is new. */
  readonly fresh: ReadonlySet<string>;
  /** What the database does not take, and why, by event key; recorded as skipped. */
  readonly refused: ReadonlyMap<string, unknown>;
}

/**
 * As `postEffects`, but an effect that the database refuses holds up no other: it is looked for by halves, in order, and recorded as
 * skipped. Where not even that is taken, it has no effect, and the audit says so.
 */
export async function postOrRefuse(
  pool: Pool,
  place: RecordPlace,
  effects: readonly Effect[],
  leaseMsOf: (reply: OutboxReply) => number,
): Promise<Posted> {
  try {
    return { fresh: await postEffects(pool, place, effects, leaseMsOf), refused: new Map() };
  } catch (error) {
    if (failureOf(error) !== 'data') throw error;
    const [first] = effects;
    if (first === undefined || effects.length > 1) {
      const half = effects.length >> 1;
      const before = await postOrRefuse(pool, place, effects.slice(0, half), leaseMsOf);
      const behind = await postOrRefuse(pool, place, effects.slice(half), leaseMsOf);
      return {
        fresh: new Set([...before.fresh, ...behind.fresh]),
        refused: new Map([...before.refused, ...behind.refused]),
      };
    }
    await skip(pool, place, first);
    return { fresh: new Set(), refused: new Map([[first.eventKey, error]]) };
  }
}

async function skip(pool: Pool, place: RecordPlace, effect: Effect): Promise<void> {
  const skipped: Effect = { ...effect, detail: REFUSED, limitKey: undefined, owed: { kind: 'nothing' } };
  try {
    await postEffects(pool, place, [skipped], () => 0);
  } catch (error) {
    if (failureOf(error) !== 'data') throw error;
  }
}
