// The audit's metrics, set from each report.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AuditReport } from './report.ts';
import { FINDING_WEIGHT, VERDICTS } from './verdict.ts';

export function auditMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const missing = gauge(
    'pmc_audit_missing_messages',
    'Settled offsets that are in no account: lost between log and rows.',
    ['topic', 'partition'],
  );
  const verified = gauge('pmc_audit_verified_offset', 'One past the last offset that the audit has judged.', [
    'topic',
    'partition',
  ]);
  const verdict = gauge('pmc_audit_verdict', 'Verdict of the last round: 0 pass, 1 inconclusive, 2 fail.');
  const coverage = gauge('pmc_audit_coverage_ratio', 'Judged share of the offsets on the log, 0 to 1.');
  const suspect = gauge(
    'pmc_audit_suspect_messages',
    'Settled offsets that are in no account at the first look and wait for the second.',
  );
  const stageVerdict = gauge(
    'pmc_audit_stage_verdict',
    'Verdict of each stage in the last round: 0 pass, 1 inconclusive, 2 fail; no value where it cannot be measured.',
    ['stage'],
  );
  const unsettled = gauge(
    'pmc_audit_unsettled_messages',
    'Offsets on the log that the audit has not judged yet, by partition.',
    ['topic', 'partition'],
  );
  const oldestUnsettled = gauge(
    'pmc_audit_oldest_unsettled_seconds',
    'How long the first offset that the audit has not judged has been waiting, by partition; 0 where none is.',
    ['topic', 'partition'],
  );
  const lossRatio = gauge('pmc_audit_loss_ratio', 'Missing offsets divided by settled offsets.');
  const residual = gauge(
    'pmc_audit_residual',
    'What the double-entry equation leaves over; anything but 0 means the books are wrong.',
  );
  const findings = gauge('pmc_audit_findings', 'Findings of the last round by kind.', ['kind']);
  const lastSuccess = gauge('pmc_audit_last_success_timestamp_seconds', 'When the last round ended.');
  const rounds = new Counter({
    name: 'pmc_audit_rounds_total',
    help: 'Rounds of the running audit by outcome.',
    labelNames: ['outcome'] as const,
    registers,
  });
  const roundDuration = new Histogram({
    name: 'pmc_audit_round_duration_seconds',
    help: 'Time a round of the running audit took, with the storing of its report; without rounds that failed.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    registers,
  });
  return {
    ...{ rounds, roundDuration },
    report(report: AuditReport): void {
      for (const one of report.perPartition) {
        const labels = { topic: one.topic, partition: String(one.partition) };
        missing.set(labels, one.missing);
        verified.set(labels, one.to);
        unsettled.set(labels, Math.max(0, one.end - one.to));
        oldestUnsettled.set(labels, (one.unsettledMs ?? 0) / 1_000);
      }
      verdict.set(VERDICTS.indexOf(report.verdict));
      suspect.set(report.suspect);
      for (const { stage, verdict: own } of report.stages) {
        if (own === 'not-measurable') stageVerdict.remove({ stage });
        else stageVerdict.set({ stage }, VERDICTS.indexOf(own));
      }
      coverage.set(report.coverage);
      lossRatio.set(report.accounts.settled === 0 ? 0 : report.accounts.missing / report.accounts.settled);
      residual.set(report.accounts.residual);
      for (const kind of Object.keys(FINDING_WEIGHT))
        findings.set({ kind }, report.findings.filter((one) => one.kind === kind).length);
      lastSuccess.set(Date.parse(report.finishedAt) / 1_000);
      rounds.inc({ outcome: 'done' });
    },
  };
}
