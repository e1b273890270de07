// The report of an audit, put together from all that it looked at; the same for the running audit and for one that is run once.
import type { TopicDescription } from '../../kafka/log.ts';
import { distinct } from './audit-store.ts';
import type { AuditedLog } from './audited-log.ts';
import type { AuditTools } from './bounded-audit.ts';
import { withConflicts } from './conflicts.ts';
import type { lookAtReplies } from './reply-ledgers.ts';
import { type AuditReport, buildReport, type PartitionReport, type ReportInput } from './report.ts';
import { mustBeSame } from './same-topic.ts';
import type { Finding } from './verdict.ts';

export interface LookedAt {
  readonly incoming: Pick<TopicDescription, 'topic' | 'incarnation'>;
  readonly audited: AuditedLog;
  readonly partitions: readonly PartitionReport[];
  /** Of the partitions, and of what happened to the log. */
  readonly findings: readonly Finding[];
  /** Rows beyond the log. */
  readonly beyond: readonly Finding[];
  readonly gateway: ReturnType<AuditedLog['gateway']['judge']>;
  readonly sources: ReturnType<AuditedLog['sources']['judge']>;
  /** Undefined where nobody has looked at them. */
  readonly replies: Awaited<ReturnType<typeof lookAtReplies>> | undefined;
}

type About = Pick<
  ReportInput,
  'runId' | 'mode' | 'startedAtMs' | 'clusterId' | 'coverageMin' | 'hints' | 'overdue' | 'lagging'
>;

/** Throws PMC_TOPIC_RECREATED where the incoming topic is another by now: some of what was looked at is of that one. */
export async function wholeReport(
  { admin, pool, clock }: Pick<AuditTools, 'admin' | 'pool' | 'clock'>,
  { incoming, audited, partitions, beyond, gateway, sources, replies, ...looked }: LookedAt,
  about: About,
): Promise<AuditReport> {
  await mustBeSame(admin, incoming);
  const all = [looked.findings, beyond, gateway.findings, audited.findings, sources.findings, replies?.findings ?? []];
  // Before each finding is taken once: two deliveries of one number have one name, and may be a repetition and a conflict.
  const findings = distinct(await withConflicts(pool, incoming, all.flat()));
  return buildReport({
    ...about,
    findings,
    finishedAtMs: clock.nowMs(),
    perPartition: withExtra(partitions, beyond),
    ...(replies && { replies: replies.stages }),
    epochs: gateway.epochs,
    sources: sources.streams,
    unfollowed: audited.sources.unfollowed,
    timeline: audited.timeline.events,
    unreadable: audited.unreadable,
  });
}

/** Rows of partitions that do not exist are in the findings only. */
function withExtra(partitions: readonly PartitionReport[], beyond: readonly Finding[]): readonly PartitionReport[] {
  return partitions.map((one) => {
    const more = beyond.filter(({ partition }) => partition === one.partition).length;
    return { ...one, extra: one.extra + more };
  });
}
