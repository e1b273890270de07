// The findings on the audit's books, as `pmc audit gaps` lists them: what was found, by whom first, and what became of it.
import type { Pool } from '../../service/database.ts';
import type { FormerLog } from './former-log.ts';
import { EVENTS_KEPT, SEEN_ONCE } from './looked-at.ts';
import type { AuditReport } from './report.ts';
import type { Finding, FindingKind } from './verdict.ts';

export interface BookedFinding {
  readonly state: 'open' | 'healed';
  readonly firstRun: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly healedAt: string | null;
  readonly healedRun: string | null;
  /** The first verdict, as it was given. */
  readonly finding: Finding;
}

export interface BookOptions {
  /** Or the open ones alone. */
  readonly isAll: boolean;
  /** An event's own id, or its key. */
  readonly id?: string;
  /** What is said of one offset: a finding that names no incarnation is of any. */
  readonly place?: {
    readonly topic: string;
    readonly incarnation: string;
    readonly partition: number;
    readonly offset: number;
  };
}

const LISTED_MAX = 100_000;

/** Losses first, then the oldest, at most 100,000: `countBooked` tells of all. */
export async function bookedFindings(pool: Pool, { isAll, id, place }: BookOptions): Promise<readonly BookedFinding[]> {
  const { rows } = await pool.query<{
    state: 'open' | 'healed';
    first_run: string;
    first_seen_at: Date;
    last_seen_at: Date;
    healed_at: Date | null;
    healed_run: string | null;
    detail: string;
  }>(
    `select state, first_run, first_seen_at, last_seen_at, healed_at, healed_run, detail::text as detail from audit.findings
     where ($1 or state = 'open') and ($2::text is null or detail ->> 'id' = $2 or detail ->> 'eventKey' = $2)
       and ($3::text is null or detail ->> 'topic' = $3 and coalesce(detail ->> 'incarnation', $4) = $4
         and detail ->> 'partition' = $5 and detail ->> 'offset' = $6)
     order by rank, first_seen_at, finding_key limit ${LISTED_MAX}`,
    [
      ...[isAll, id ?? null, place?.topic ?? null, place?.incarnation ?? null],
      ...[place && String(place.partition), place && String(place.offset)],
    ],
  );
  return rows.map((row) => ({
    state: row.state,
    firstRun: row.first_run,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    healedAt: row.healed_at?.toISOString() ?? null,
    healedRun: row.healed_run,
    finding: JSON.parse(row.detail) as Finding,
  }));
}

/** Whether the topic of today was another one once, and since when that is known: for ever, unlike the finding. */
export async function formerLog(
  pool: Pool,
  { topic, incarnation }: { readonly topic: string; readonly incarnation: string },
): Promise<FormerLog | undefined> {
  const { rows } = await pool.query<{ seen: Date | null }>(
    `select max(first_seen_at) as seen from audit.findings
     where kind = 'recreated' and detail ->> 'topic' = $1 and detail ->> 'incarnation' <> $2`,
    [topic, incarnation],
  );
  const seen = rows[0]?.seen ?? undefined;
  return seen && { topic, seenMs: seen.getTime() };
}

export interface BookedKind {
  readonly kind: FindingKind;
  readonly open: number;
  /** Of them what an audit of today would tell: of what happened to the log itself only what is young. */
  readonly told: number;
  readonly healed: number;
}

/** How many there are of each kind, whatever their number. */
export async function countBooked(pool: Pool): Promise<readonly BookedKind[]> {
  const { rows } = await pool.query<{ kind: FindingKind; open: string; told: string; healed: string }>(
    `select kind, count(*) filter (where state = 'open') as open, count(*) filter (where state <> 'open') as healed,
            count(*) filter (where state = 'open' and (kind <> all($1::text[]) or first_seen_at > now() - $2::interval)) as told
     from audit.findings group by kind order by kind`,
    [SEEN_ONCE, EVENTS_KEPT],
  );
  return rows.map(({ kind, open, told, healed }) => ({
    kind,
    open: Number(open),
    told: Number(told),
    healed: Number(healed),
  }));
}

/** Offsets of one partition in the life of one topic. */
export interface MissingRange {
  readonly incarnation: string;
  readonly partition: number;
  /** Inclusive. */
  readonly lower: bigint;
  /** Exclusive. */
  readonly upper: bigint;
}

/** Every offset that has no account and is not healed, as ranges that neither touch nor overlap, by partition and offset. */
export async function missingRanges(pool: Pool, topic: string): Promise<readonly MissingRange[]> {
  const { rows } = await pool.query<{ incarnation: string; partition: number; lower: string; upper: string }>(
    `select incarnation, partition, min(record_offset) as lower, max(record_offset) + 1 as upper
     from (
       select *, record_offset - row_number() over (partition by incarnation, partition order by record_offset) as island
       from (
         select detail ->> 'incarnation' as incarnation, (detail ->> 'partition')::integer as partition,
                (detail ->> 'offset')::bigint as record_offset
         from audit.findings
         where state = 'open' and kind = 'missing' and stage = 'log-to-stored' and detail ->> 'topic' = $1) as missing
     ) as islands
     group by incarnation, partition, island order by partition, lower`,
    [topic],
  );
  return rows.map(({ lower, upper, ...of }) => ({ ...of, lower: BigInt(lower), upper: BigInt(upper) }));
}

/** What a report of an earlier version does not have. */
const CAME_LATER = { healed: [], timeline: [], hints: [], findingsLeftOff: 0 } satisfies Partial<AuditReport>;

/** The report of one audit, or the newest of a mode (any mode when undefined); undefined where there is none. */
export async function bookedReport(
  pool: Pool,
  { runId, mode }: { readonly runId?: string; readonly mode?: 'live' | 'run' },
): Promise<AuditReport | undefined> {
  const { rows } = await pool.query<{ report: string }>(
    `select report::text as report from audit.runs
     where ($1::text is null or id = $1) and ($2::text is null or mode = $2) order by finished_at desc limit 1`,
    [runId ?? null, mode ?? null],
  );
  return rows[0] === undefined ? undefined : { ...CAME_LATER, ...(JSON.parse(rows[0].report) as AuditReport) };
}
