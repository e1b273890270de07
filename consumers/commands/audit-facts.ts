// Facts for /stats and /lost, by queries that an index bounds: what came lately, and what the newest audit says of it.
import { z } from 'zod';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import type { ActivityFact, FindingFact, LossFact } from './facts.ts';

const WINDOW_MS = 300_000;
const COUNTED_MAX = 50_000;
const BUSIEST_MAX = 5;
/** Of one place. */
const FINDINGS_MAX = 5;
const PLACES_MAX = 1_000;

// An event key begins with the event's own time, so its index finds the newest events, whatever the table holds.
const ACTIVITY = `
  with newest as materialized (
    select kind, chat from message_metadata where id >= $1::uuid and id <= $2::uuid order by id desc limit ${COUNTED_MAX + 1}
  )
  select chat, count(*)::int as events, (select count(*)::int from newest) as total,
    (select count(*)::int from newest where kind = 'message') as messages
  from newest group by chat order by (chat is not null) desc, 2 desc, 1 limit ${BUSIEST_MAX}`;

export async function activity(pool: Pool, nowMs: number): Promise<ActivityFact> {
  const { rows } = await pool.query<{ chat: string | null; events: number; total: number; messages: number }>({
    name: 'commands-activity',
    text: ACTIVITY,
    values: [keyAt(nowMs - WINDOW_MS, '0'), keyAt(nowMs, 'f')],
  });
  const [first] = rows;
  return {
    windowMs: WINDOW_MS,
    events: Math.min(first?.total ?? 0, COUNTED_MAX),
    messages: first?.messages ?? 0,
    isCapped: (first?.total ?? 0) > COUNTED_MAX,
    busiest: rows.flatMap(({ chat, events }) => (chat === null ? [] : [{ chat, events }])),
  };
}

/** The first or last event key of a millisecond. */
function keyAt(timeMs: number, rest: '0' | 'f'): string {
  const time = timeMs.toString(16).padStart(12, '0');
  const tail = rest.repeat(4);
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail}-${tail}-${rest.repeat(12)}`;
}

const stageSchema = z.object({ stage: z.string(), verdict: z.string(), detail: z.string() });
const partitionSchema = z.object({
  topic: z.string(),
  partition: z.number(),
  settled: z.number(),
  stored: z.number(),
  missing: z.number(),
  altered: z.number(),
});
const detailSchema = z.object({ id: z.string().optional(), detail: z.string().default('') });

const NEWEST_RUN = `
  select verdict, finished_at, report -> 'stages' as stages, report -> 'perPartition' as partitions from (
    (select * from audit.runs where mode = 'live' order by finished_at desc limit 1)
    union all
    (select * from audit.runs where mode = 'run' order by finished_at desc limit 1)
  ) as newest order by finished_at desc limit 1`;

// Apart from the rest of what the audit says: whoever asks for that does not wait for it.
export const OPEN_BY_STAGE = `select stage, count(*)::int as open from audit.findings where state = 'open' group by stage`;

// Of each place how many and the heaviest. Partitions come before sources: there are few of them.
export const OPEN_BY_PLACE = `
  with places as (
    select place, count(*)::int as open from audit.findings where state = 'open' and place is not null
    group by place order by place limit ${PLACES_MAX}
  )
  select places.place, places.open, heaviest.*
  from places cross join lateral (
    select kind, stage, rank, detail from audit.findings where state = 'open' and place = places.place
    order by rank, opened_at desc limit ${FINDINGS_MAX}
  ) as heaviest`;

interface PlacedRow {
  readonly place: string;
  readonly open: number;
  readonly kind: string;
  readonly stage: string;
  readonly rank: number;
  readonly detail: unknown;
}

export async function losses(pool: Pool): Promise<LossFact | null> {
  const runs = await pool.query<{ verdict: string; finished_at: Date; stages: unknown; partitions: unknown }>(
    NEWEST_RUN,
  );
  const [run] = runs.rows;
  if (run === undefined) return null;
  const open = await openByPlace(pool);
  return {
    verdict: run.verdict,
    finishedAtMs: run.finished_at.getTime(),
    stages: z.array(stageSchema).catch([]).parse(run.stages),
    partitions: z
      .array(partitionSchema)
      .catch([])
      .parse(run.partitions)
      .filter(({ topic }) => topic === TOPIC.incoming),
    ...open,
  };
}

export async function openByStage(pool: Pool): Promise<Readonly<Record<string, number>>> {
  const { rows } = await pool.query<{ stage: string; open: number }>(OPEN_BY_STAGE);
  return Object.fromEntries(rows.map(({ stage, open }) => [stage, open]));
}

async function openByPlace(pool: Pool): Promise<Pick<LossFact, 'open' | 'isOpenCut'>> {
  const { rows } = await pool.query<PlacedRow>(OPEN_BY_PLACE);
  const places = Map.groupBy(rows, ({ place }) => place);
  return {
    open: new Map(
      [...places].map(([place, of]) => [place, { count: of[0]?.open ?? 0, heaviest: of.map(findingFact) }]),
    ),
    isOpenCut: places.size === PLACES_MAX,
  };
}

function findingFact({ kind, stage, rank, detail }: PlacedRow): FindingFact {
  const { id, detail: text } = detailSchema.catch({ detail: '' }).parse(detail);
  return { kind, stage, rank, eventId: id, detail: text };
}
