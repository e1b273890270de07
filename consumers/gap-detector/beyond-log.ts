// Rows where the log has nothing yet, or has no such partition: nobody can have read them there. They lie above everything
// that is judged, so the look at settled offsets would never come to them.
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import { rowsFrom } from './stored-side.ts';
import type { Finding } from './verdict.ts';

/** Rows first, the end of the log after them: a record that arrives in between is not mistaken for one that is not there. */
export async function rowsBeyondLog(
  { admin, pool, rules = SOUND_RULES }: { readonly admin: LogAdmin; readonly pool: Pool; readonly rules?: Rules },
  { topic, incarnation }: TopicDescription,
): Promise<readonly Finding[]> {
  const ends = new Map(
    [...(await admin.ends(topic))].map(([partition, { highWatermark }]) => [partition, highWatermark]),
  );
  const rows = await rowsFrom(pool, incarnation, ends);
  if (rows.length === 0) return [];
  const now = await admin.ends(topic);
  return rows
    .filter(({ partition, offset }) => rules.isBeyondTheLog(offset, now.get(partition)?.highWatermark ?? 0n))
    .map(({ partition, offset, id }) => ({
      kind: 'extra',
      stage: 'log-to-stored',
      topic,
      partition,
      incarnation,
      offset: Number(offset),
      eventKey: id,
      detail: now.has(partition)
        ? 'a row exists where the log has not come to yet'
        : 'a row exists in a partition that the topic does not have',
    }));
}
