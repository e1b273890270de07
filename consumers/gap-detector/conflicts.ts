// Two bodies of one event: both are rows, and each of them is named. Persistence says where they are, and it is proved again from the
// rows themselves: the same source and the same number or id, and other text. A number of a stream that came twice is a conflict where
// both are rows, however many there are of them; the same body again, or one whose other body is stored nowhere, is a repetition.
import type { TopicDescription } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import type { Finding } from './verdict.ts';

const LISTED_MAX = 10_000;

/** `m` and `o` are rows; a number is compared as a whole, an id only where there is no number. */
const IS_ONE_EVENT = `m.source = o.source and case
    when m.seq is null then o.seq is null and m.event_id is not distinct from o.event_id
    else (m.stream, m.stream_epoch, m.seq) = (o.stream, o.stream_epoch, o.seq) end`;

/**
 * Rows that persistence has put down, and those at the places given; each with another body that is a row too. The other one is the first
 * in the order of the primary key, so that of thousands under one id not all are looked at for each. A row that nobody has flagged is
 * looked for as well, by the index that lets an identity have one: what persistence has put down is not the only word.
 */
const CONFLICTS = `
  select m.partition, m.record_offset, m.id, m.event_id, m.received_at, o.partition || '/' || o.record_offset as other
  from (
    (select partition, record_offset from conflicts where incarnation = $1 order by 1, 2 limit ${LISTED_MAX})
    union select * from unnest($2::integer[], $3::bigint[])) as place
  join message_metadata m on m.incarnation = $1 and (m.partition, m.record_offset) = (place.partition, place.record_offset)
  cross join lateral (
    select o.partition, o.record_offset from (
      select incarnation, partition, record_offset from conflicts where identity = m.identity
      union select incarnation, partition, record_offset from message_metadata
        where identity = m.identity and not (flags @> '{conflict}')) as d
    join message_metadata o on (o.incarnation, o.partition, o.record_offset) = (d.incarnation, d.partition, d.record_offset)
    where o.id <> m.id and ${IS_ONE_EVENT} and m.raw_payload::text <> o.raw_payload::text
    order by d.incarnation, d.partition, d.record_offset limit 1) as o
  order by 1, 2`;

interface ConflictRow {
  readonly partition: number;
  readonly record_offset: string;
  readonly id: string;
  readonly event_id: string | null;
  readonly received_at: Date;
  readonly other: string;
}

/** The findings with conflicts among them; where one is, nothing is called a repetition. */
export async function withConflicts(
  pool: Pool,
  { topic, incarnation }: Pick<TopicDescription, 'topic' | 'incarnation'>,
  findings: readonly Finding[],
): Promise<readonly Finding[]> {
  const isRepeated = ({ kind, stage, topic: at }: Finding): boolean =>
    kind === 'duplicate' && stage === 'source-to-gateway' && at === topic;
  const repeated = findings.filter(isRepeated);
  const places = [repeated.map(({ partition }) => partition), repeated.map(({ offset }) => offset)];
  const { rows } = await pool.query<ConflictRow>(CONFLICTS, [incarnation, ...places]);
  const byPlace = new Map(
    rows.map((row) => [`${row.partition}/${row.record_offset}`, conflictOf(row, topic, incarnation)]),
  );
  const isElse = (one: Finding): boolean => !isRepeated(one) || !byPlace.has(`${one.partition}/${one.offset}`);
  return [...findings.filter(isElse), ...byPlace.values()];
}

function conflictOf(row: ConflictRow, topic: string, incarnation: string): Finding {
  const { partition, record_offset, id, event_id, received_at, other } = row;
  return {
    ...{ kind: 'conflict', stage: 'log-to-stored', topic, partition, incarnation, offset: Number(record_offset) },
    ...{ eventKey: id, receivedAt: received_at.getTime(), ...(event_id !== null && { id: event_id }) },
    detail: `another body of the same event is stored at ${other}`,
  };
}
