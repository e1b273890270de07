// The findings on the audit's books, as `pmc audit gaps` lists them: what was found, by whom first, and what became of it.
import type { Pool } from '../../service/database.ts';
import type { AuditReport } from './report.ts';
import type { Finding } from './verdict.ts';

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

const LISTED_MAX = 100_000;

/** Oldest first; `id` is an event's own id, its key, or undefined for all. */
export async function bookedFindings(
  pool: Pool,
  { isAll, id }: { readonly isAll: boolean; readonly id?: string },
): Promise<readonly BookedFinding[]> {
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
     order by first_seen_at, finding_key limit ${LISTED_MAX}`,
    [isAll, id ?? null],
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
