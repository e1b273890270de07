// The timeline on the books: what only the running audit sees (rebalances, leader changes, outages) is there for every audit.
import type { Pool } from '../../service/database.ts';
import { TIMELINE_KINDS, type TimelineEvent } from './timeline.ts';

const KEPT = '30 days';
const LOADED_MAX = 5_000;

/** What is there already stays as it is. */
export async function storeTimeline(database: Pick<Pool, 'query'>, events: readonly TimelineEvent[]): Promise<void> {
  if (events.length === 0) return;
  await database.query(
    `insert into audit.timeline (at, kind, subject, detail)
     select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[]) on conflict do nothing`,
    [
      events.map(({ atMs }) => new Date(atMs).toISOString()),
      events.map(({ kind }) => kind),
      events.map(({ subject }) => storable(subject)),
      events.map(({ detail }) => storable(detail)),
    ],
  );
  await database.query('delete from audit.timeline where at < now() - $1::interval', [KEPT]);
}

/** The newest events, of one kind or of all, oldest first. */
export async function loadTimeline(
  pool: Pool,
  { kind = null, sinceMs = 0 }: { readonly kind?: TimelineEvent['kind'] | null; readonly sinceMs?: number } = {},
): Promise<readonly TimelineEvent[]> {
  const { rows } = await pool.query<{ at: Date; kind: string; subject: string; detail: string }>(
    `select at, kind, subject, detail from (
       select * from audit.timeline where at >= $1 and ($2::text is null or kind = $2) order by at desc limit ${LOADED_MAX}
     ) as newest order by at`,
    [new Date(sinceMs).toISOString(), kind],
  );
  return rows.flatMap(({ at, kind: name, subject, detail }) => {
    const known = TIMELINE_KINDS.find((one) => one === name);
    return known === undefined ? [] : [{ atMs: at.getTime(), kind: known, subject, detail }];
  });
}

/** A source is named by its configuration, and the reason of a close is whatever the peer wrote. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}
