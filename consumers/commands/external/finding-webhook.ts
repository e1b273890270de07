// Tells webhooks of what the audit finds: every finding once when it opens and once when it is healed. It puts a call into the
// queue for each; the lane of the webhook makes it like any other. The effect, keyed by webhook, finding and state, keeps it from
// being told again; findings older than the look-back are not told, so that forgetting effects tells nothing twice.
import { derivedUuid } from '../../../schemas/event-key.ts';
import type { Pool } from '../../../service/database.ts';

/** Findings that changed this long ago are still told of; well below what retention keeps. */
export const LOOK_BACK_HOURS = 1;
const FINDINGS_MAX = 200;

interface FindingRow {
  readonly finding_key: string;
  readonly kind: string;
  readonly stage: string;
  readonly state: 'open' | 'healed';
  readonly first_seen_at: Date;
  readonly changed_at: Date;
  readonly detail: unknown;
}

const CHANGED = `
  select finding_key, kind, stage, state, first_seen_at, coalesce(healed_at, first_seen_at) as changed_at, detail
  from audit.findings
  where coalesce(healed_at, first_seen_at) > clock_timestamp() - interval '1 hour' * ${LOOK_BACK_HOURS}
  order by changed_at desc limit $1`;

const QUEUE = `
  with told as (
    select * from unnest($2::uuid[], $3::json[], $4::timestamptz[]) as t(event_key, given, received_at)
  ), fresh as (
    insert into effects (event_key, kind, target, status, received_at)
    select event_key, 'call', $1, 'pending', received_at from told order by event_key
    on conflict do nothing
    returning event_key
  )
  insert into calls (event_key, target, given, received_at)
  select event_key, $1, given, received_at from told join fresh using (event_key) order by received_at
  on conflict do nothing`;

/** Queues a call for each finding that the webhook has not been told of; returns how many. */
export async function queueFindings(pool: Pool, target: string): Promise<number> {
  const { rows } = await pool.query<FindingRow>(CHANGED, [FINDINGS_MAX]);
  if (rows.length === 0) return 0;
  const keys = rows.map(({ finding_key, state }) => derivedUuid('finding', target, finding_key, state));
  const given = rows.map((row, index) => JSON.stringify(givenOf(row, keys[index] ?? '')));
  const changed = rows.map(({ changed_at }) => changed_at);
  const { rowCount } = await pool.query(QUEUE, [target, keys, given, changed]);
  return rowCount ?? 0;
}

/** What the webhook's templates may name. */
function givenOf({ finding_key, kind, stage, state, first_seen_at, detail }: FindingRow, commandId: string) {
  const about = { finding_key, kind, stage, state, first_seen_at: first_seen_at.toISOString() };
  return { ...about, finding: { ...about, detail }, command_id: commandId };
}
