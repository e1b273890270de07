// Where reports and findings go: every report is immutable; a finding keeps its first sight and may recover later.
import type { Pool } from '../../service/database.ts';
import type { AuditReport } from './report.ts';
import { findingKey } from './verdict.ts';

/** Live reports are kept for this long; bounded runs for ever. */
const LIVE_KEPT = '1 hour';

export async function storeReport(pool: Pool, report: AuditReport): Promise<void> {
  const { runId, mode, startedAt, finishedAt, verdict } = report;
  await pool.query(
    'insert into audit.runs (id, mode, started_at, finished_at, verdict, report) values ($1, $2, $3, $4, $5, $6)',
    [runId, mode, startedAt, finishedAt, verdict, JSON.stringify(report)],
  );
  if (mode === 'live') {
    await pool.query(`delete from audit.runs where mode = 'live' and finished_at < now() - $1::interval`, [LIVE_KEPT]);
  }
}

/** Adds new findings and confirms those seen again; `complete` says that what is absent from the report has recovered. */
export async function storeFindings(pool: Pool, report: AuditReport, isComplete: boolean): Promise<void> {
  const findings = report.findings.map((finding) => ({ key: findingKey(finding), finding }));
  const keys = findings.map(({ key }) => key);
  await pool.query(
    `insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, last_seen_at)
     select key, kind, stage, detail::json, $5, $6, $6
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as found(key, kind, stage, detail)
     on conflict (finding_key) do update set last_seen_at = excluded.last_seen_at, state = 'open', recovered_at = null`,
    [
      keys,
      findings.map(({ finding }) => finding.kind),
      findings.map(({ finding }) => finding.stage),
      findings.map(({ finding }) => JSON.stringify(finding)),
      report.runId,
      report.finishedAt,
    ],
  );
  if (!isComplete) return;
  await pool.query(
    `update audit.findings set state = 'recovered', recovered_at = $2
     where state = 'open' and kind <> 'duplicate' and finding_key <> all($1::text[])`,
    [keys, report.finishedAt],
  );
}
