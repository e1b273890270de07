// Where reports and findings go: every report is immutable; a finding keeps its first sight and may recover later.
import type { Pool } from '../../service/database.ts';
import type { AuditReport } from './report.ts';
import { type Finding, findingKey } from './verdict.ts';

/** Live reports are kept for this long, with this many findings; bounded runs for ever and whole. */
const LIVE_KEPT = '1 hour';
const LIVE_FINDINGS_MAX = 500;

export async function storeReport(pool: Pool, report: AuditReport): Promise<void> {
  const { runId, mode, startedAt, finishedAt, verdict } = report;
  // One is written every few seconds: the accounts count all, audit.findings has all, the report shows the first.
  const kept = mode === 'live' ? { ...report, findings: report.findings.slice(0, LIVE_FINDINGS_MAX) } : report;
  await pool.query(
    'insert into audit.runs (id, mode, started_at, finished_at, verdict, report) values ($1, $2, $3, $4, $5, $6)',
    [runId, mode, startedAt, finishedAt, verdict, asJson(kept)],
  );
  if (mode === 'live') {
    await pool.query(`delete from audit.runs where mode = 'live' and finished_at < now() - $1::interval`, [LIVE_KEPT]);
  }
}

/**
 * Adds new findings and confirms those seen again; `isComplete` says that what the report looked at and did not find any
 * more has recovered.
 */
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
      findings.map(({ finding }) => asJson(finding)),
      report.runId,
      report.finishedAt,
    ],
  );
  if (!isComplete) return;
  const { rows } = await pool.query<{ finding_key: string; detail: string }>(
    `select finding_key, detail::text as detail from audit.findings
     where state = 'open' and kind <> 'duplicate' and finding_key <> all($1::text[])`,
    [keys],
  );
  const gone = rows.filter(({ detail }) => isLookedAt(report, JSON.parse(detail) as Finding));
  await pool.query(
    `update audit.findings set state = 'recovered', recovered_at = $2 where finding_key = any($1::text[])`,
    [gone.map(({ finding_key }) => finding_key), report.finishedAt],
  );
}

/** Whether a report looked at what a finding is about: what expired, or an ended incarnation or epoch, has not recovered. */
export function isLookedAt(report: AuditReport, { incarnation, partition, offset, gatewayEpoch }: Finding): boolean {
  if (partition === undefined) {
    return report.stages.some(({ epochs }) => epochs?.some((one) => one.gatewayEpoch === gatewayEpoch) ?? false);
  }
  const isAt = (one: Pick<Finding, 'incarnation' | 'partition'>): boolean =>
    one.incarnation === incarnation && one.partition === partition;
  if (offset === undefined) return report.perPartition.some(isAt);
  const isUnaudited = ({ kind, from = 0, to = 0, ...at }: Finding): boolean =>
    kind === 'expired-unaudited' && isAt(at) && offset >= from && offset <= to;
  return (
    report.perPartition.some((one) => isAt(one) && offset >= one.from && offset < one.to) &&
    !report.findings.some(isUnaudited)
  );
}

/** An event's id is whatever its sender wrote. PostgreSQL keeps U+0000 and half a character in json, and fails on any operator. */
function asJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'string' ? one.toWellFormed().replaceAll('\u0000', '\uFFFD') : one,
  );
}
