// The table `calls`: calls of external APIs that wait for their turn or are being made. A call is taken under a lease before it
// is sent; one whose lease ended belongs to a member that crashed in the middle, and nobody can say how far it came. Only its own
// taker can: what it does not have in hand, it never heard of. The outcome, the reply and the end of the call become durable
// together, once.
import type { Pool } from '../../../service/database.ts';
import { type OutboxReply, targetOf } from '../dispatch.ts';

export interface TakenCall {
  readonly eventKey: string;
  /** What fills the endpoint's templates. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly asked: unknown;
  readonly receivedAtMs: number;
  /** Somebody began with it before and did not come to an end: it may have been done. */
  readonly isAbandoned: boolean;
  /** Since it was put off for the first time; 0 where it never was. */
  readonly triedForMs: number;
}

export interface Taking {
  /** Whoever takes, under a name that it keeps until it hears of something that was taken under it. */
  readonly taker: string;
  readonly callsMax: number;
  readonly leaseMs: number;
  /** What the taker has in hand itself: it comes to an end, however late. */
  readonly inHand: readonly string[];
  /** Whether also those that somebody began with, and whose lease has ended. */
  readonly takesAbandoned: boolean;
}

// What has the taker's name is what an answer told of that never came: nobody has begun with it since, however often it is taken again. It
// comes first, so that none is left under a name that is given up.
const TAKE = `
  update calls set takes = takes + (taken_by is distinct from $6)::int, taken_by = $6,
    leased_until = clock_timestamp() + interval '1 ms' * $3
  where event_key in (
    select event_key from calls
    where target = $1 and event_key <> all($4::uuid[])
      and (taken_by = $6 or ((leased_until is null or leased_until < clock_timestamp()) and (takes = 0 or $5)))
    order by taken_by is not distinct from $6 desc, created_at limit $2 for update skip locked
  )
  returning event_key, given, asked, received_at, takes,
    coalesce(extract(epoch from clock_timestamp() - first_postponed_at) * 1000, 0)::float8 as tried_for_ms`;

export async function takeCalls(
  pool: Pool,
  target: string,
  { callsMax, leaseMs, inHand, takesAbandoned, taker }: Taking,
): Promise<readonly TakenCall[]> {
  const { rows } = await pool.query<{
    event_key: string;
    given: Readonly<Record<string, unknown>>;
    asked: unknown;
    received_at: Date;
    takes: number;
    tried_for_ms: number;
  }>({ name: 'commands-take-calls', text: TAKE, values: [target, callsMax, leaseMs, inHand, takesAbandoned, taker] });
  return rows.map(({ event_key, given, asked, received_at, takes, tried_for_ms }) => {
    const times = { receivedAtMs: received_at.getTime(), triedForMs: tried_for_ms };
    return { eventKey: event_key, given, asked, isAbandoned: takes > 1, ...times };
  });
}

const END = `
  with ended as (
    delete from calls where event_key = $1 returning event_key, target, received_at
  ), marked as (
    update effects set status = $2, detail = $3 from ended
    where effects.event_key = ended.event_key and effects.kind = 'call' and effects.target = ended.target
  ), replied as (
    insert into effects (event_key, kind, target, status, detail, received_at)
    select event_key, 'reply', $4, 'done', target, received_at from ended where $5::uuid is not null
    on conflict do nothing
    returning event_key
  )
  insert into outbox (reply_id, topic, partition, key, value, created_at, leased_until)
  select $5, $6, $7, $8, $9, $10, clock_timestamp() + interval '1 ms' * $11 from replied
  on conflict (reply_id) do nothing
  returning reply_id`;

export interface CallEnd {
  readonly eventKey: string;
  readonly status: 'done' | 'failed' | 'unknown';
  readonly detail: string;
  /** The source that is replied to, and the reply; undefined for a webhook. */
  readonly reply: { readonly source: string; readonly reply: OutboxReply } | undefined;
}

/** True when the reply is new, and now the caller's to append for `leaseMs`; false when there is none, or another ended the call. */
export async function endCall(pool: Pool, end: CallEnd, leaseMs: number): Promise<boolean> {
  const { reply } = end;
  const { rowCount } = await pool.query({
    name: 'commands-end-call',
    text: END,
    values: [
      ...[
        end.eventKey,
        end.status,
        end.detail,
        reply === undefined ? null : targetOf(reply.source),
        reply?.reply.replyId ?? null,
      ],
      ...[reply?.reply.topic ?? null, reply?.reply.partition ?? null, reply?.reply.key ?? null],
      ...[reply?.reply.value ?? null, reply === undefined ? null : new Date(reply.reply.createdAtMs), leaseMs],
    ],
  });
  return (rowCount ?? 0) > 0;
}

/**
 * Puts a call back, to be taken again after `delayMs`: as if nobody had begun with it, or as an abandoned one where it may have been
 * done. Nothing happens where another has ended it.
 */
export async function postponeCall(pool: Pool, eventKey: string, delayMs: number, mayBeDone: boolean): Promise<void> {
  await pool.query({
    name: 'commands-postpone-call',
    text: `
      update calls set takes = $3::boolean::int, taken_by = null, leased_until = clock_timestamp() + interval '1 ms' * $2,
        first_postponed_at = coalesce(first_postponed_at, clock_timestamp())
      where event_key = $1`,
    values: [eventKey, delayMs, mayBeDone],
  });
}

/** Calls whose endpoint is declared no longer: they would wait for ever. */
export async function undeclaredTargets(pool: Pool, declared: readonly string[]): Promise<readonly string[]> {
  const { rows } = await pool.query<{ target: string }>(
    'select distinct target from calls where target <> all($1::text[])',
    [declared],
  );
  return rows.map(({ target }) => target);
}
