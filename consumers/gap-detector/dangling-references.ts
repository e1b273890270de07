// Hints where nothing is measurable: of a source that does not count its events, a read, reaction, edit or delete that names a message
// nobody has seen says that there may have been one. Never a finding: the source may have sent it before anybody listened, or have
// named it wrong. Reads rows only, all of them once, and only for an audit that is run once: 0.36 s of 200,000 rows and 4.7 s of 1.5
// million (of 600 bytes; what their texts' digests take is 0.79 s and 7.0 s). It is a hash join, and stays one with an index on the names:
// what every row would pay for that index, this would not use. Looking at the newest references alone reads all names just the same.
import type { Pool } from '../../service/database.ts';
import type { Hint } from './report.ts';

/** A reference may come before its message. */
const PATIENCE = '30 seconds';
const LISTED_MAX = 1_000;

/** One for each message that is named and not there, most often named first; replies of our own are no messages of a source. */
export async function danglingReferences(pool: Pool): Promise<readonly Hint[]> {
  const { rows } = await pool.query<{ source: string; id: string; kinds: string[]; references: string; first: Date }>(
    `select m.source, m.ref_id as id, array_agg(distinct m.kind order by m.kind) as kinds, count(*) as references,
       min(m.received_at) as first
     from message_metadata m
     where m.kind in ('read', 'reaction', 'edit', 'delete') and m.ref_id is not null and m.stream is null
       and m.received_at < now() - $1::interval
       and not exists (select from message_metadata named where named.source = m.source and named.event_id = m.ref_id)
       and not exists (select from outbox o where o.reply_id::text = m.ref_id)
     group by 1, 2 order by 4 desc, 5, 2 limit ${LISTED_MAX}`,
    [PATIENCE],
  );
  return rows.map(({ source, id, kinds, references, first }) => ({
    kind: 'dangling-reference',
    source,
    id,
    kinds,
    references: Number(references),
    firstAt: first.toISOString(),
  }));
}
