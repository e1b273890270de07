// The document that `pmc audit run --json` prints and the live audit stores: accounts, stages, partitions, findings. Pure.
import { addBalances, type Balance } from './accounts.ts';
import type { EpochReport } from './gateway-ledger.ts';
import {
  type Finding,
  overallVerdict,
  type Stage,
  type StageVerdict,
  stageVerdict,
  type Verdict,
  worst,
} from './verdict.ts';

export const REPORT_SCHEMA_VERSION = 1;

export interface PartitionReport extends Balance {
  readonly topic: string;
  readonly partition: number;
  readonly incarnation: string;
  /** Judged offsets: from inclusive, to exclusive. */
  readonly from: number;
  readonly to: number;
  /** Log end when the audit was asked: offsets from `to` on are in flight. */
  readonly end: number;
  /** Offsets that wait for their second look; in no account yet. */
  readonly suspect: number;
}

export interface StageReport {
  readonly stage: Stage;
  readonly verdict: StageVerdict;
  readonly detail: string;
  readonly epochs?: readonly EpochReport[];
}

export interface AuditReport {
  readonly schemaVersion: typeof REPORT_SCHEMA_VERSION;
  readonly runId: string;
  readonly mode: 'live' | 'run';
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly clusterId: string;
  readonly verdict: Verdict;
  readonly coverage: number;
  readonly coverageMin: number;
  readonly accounts: Balance;
  readonly suspect: number;
  readonly stages: readonly StageReport[];
  readonly perPartition: readonly PartitionReport[];
  readonly findings: readonly Finding[];
  readonly hints: readonly never[];
}

export interface ReportInput {
  readonly runId: string;
  readonly mode: 'live' | 'run';
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly clusterId: string;
  readonly coverageMin: number;
  readonly perPartition: readonly PartitionReport[];
  readonly findings: readonly Finding[];
  readonly epochs: readonly EpochReport[];
  /** Records of the audit's own topics that it could not read: a hole in its own sight. */
  readonly unreadable: number;
  /** What a run that was told to wait has waited for in vain. */
  readonly overdue?: { readonly settling: boolean; readonly gateways: boolean };
}

export function buildReport(input: ReportInput): AuditReport {
  const accounts = addBalances(input.perPartition);
  const suspect = input.perPartition.reduce((sum, one) => sum + one.suspect, 0);
  const asked = input.perPartition.reduce((sum, { from, end }) => sum + Math.max(0, end - from), 0);
  const coverage = asked === 0 ? 0 : Math.min(1, accounts.settled / asked);
  const findings = [...input.findings, ...input.perPartition.flatMap((one) => wrongBooks(one, input.findings))];
  const stages = [
    notMeasurable('source-to-gateway', 'the sources do not count their events, so nobody can say what they sent'),
    gatewayStage(input, findings),
    storedStage(accounts, suspect, findings, input.overdue?.settling ?? false),
    notMeasurable('command-to-reply', 'this version does not compare commands with replies yet'),
    notMeasurable('reply-to-delivered', 'the sources do not acknowledge replies'),
  ];
  return {
    schemaVersion: REPORT_SCHEMA_VERSION,
    runId: input.runId,
    mode: input.mode,
    startedAt: new Date(input.startedAtMs).toISOString(),
    finishedAt: new Date(input.finishedAtMs).toISOString(),
    clusterId: input.clusterId,
    verdict: overallVerdict(
      stages.map(({ verdict }) => verdict),
      coverage,
      input.coverageMin,
    ),
    coverage,
    coverageMin: input.coverageMin,
    accounts,
    suspect,
    stages,
    perPartition: input.perPartition,
    findings,
    hints: [],
  };
}

/** Partition by partition: over all of them, an offset counted twice would hide one that was not counted. */
function wrongBooks(
  { topic, partition, incarnation, residual }: PartitionReport,
  findings: readonly Finding[],
): Finding[] {
  const holes = findings.filter(
    (one) => one.kind === 'hole' && one.topic === topic && one.partition === partition,
  ).length;
  if (residual === holes) return [];
  const detail = `the accounts leave ${residual} offsets over, unproved holes explain ${holes}`;
  return [{ kind: 'books-wrong', stage: 'log-to-stored', topic, partition, incarnation, detail }];
}

function notMeasurable(stage: Stage, detail: string): StageReport {
  return { stage, verdict: 'not-measurable', detail };
}

function gatewayStage({ epochs, unreadable, overdue, mode }: ReportInput, findings: readonly Finding[]): StageReport {
  const frames = epochs.reduce((sum, { inLog, elsewhere }) => sum + inLog + elsewhere, 0);
  const missing = epochs.reduce((sum, one) => sum + one.missing, 0);
  if (epochs.length === 0) return notMeasurable('gateway-to-log', 'no gateway epoch is on the log');
  const own = stageVerdict(findings.filter(({ stage }) => stage === 'gateway-to-log'));
  // A bounded run has read the log to its end, and so has anybody some time after an epoch's last word: what was claimed
  // beyond that was on the log once and is there no more, or was never read.
  const unread = epochs.filter(
    ({ judgedUpTo, settledUpTo, state }) => judgedUpTo < settledUpTo && (mode === 'run' || state !== 'live'),
  ).length;
  const isUnheard = overdue?.gateways ?? false;
  const verdict = unreadable > 0 || unread > 0 || isUnheard ? worst<Verdict>([own, 'inconclusive']) : own;
  const tails = epochs.filter(({ tail }) => tail !== null).length;
  const blind =
    (unreadable > 0 ? `, ${unreadable} records could not be read` : '') +
    (unread > 0 ? `, ${unread} epochs claim offsets that the log does not have` : '') +
    (isUnheard ? ', a living gateway has said nothing since the call' : '');
  const detail = `${frames} frames of ${epochs.length} gateway epochs on the log, ${missing} missing, ${tails} open tails${blind}`;
  return { stage: 'gateway-to-log', verdict, detail, epochs };
}

function storedStage(
  accounts: Balance,
  suspect: number,
  findings: readonly Finding[],
  isOverdue: boolean,
): StageReport {
  const own = stageVerdict(findings.filter(({ stage }) => stage === 'log-to-stored'));
  const isOpen = accounts.settled === 0 || suspect > 0 || isOverdue;
  const verdict = isOpen ? worst<Verdict>([own, 'inconclusive']) : own;
  const { settled, stored, missing, residual } = accounts;
  const sum = `${settled} offsets settled, ${stored} stored, ${missing} missing, ${suspect} suspect, residual ${residual}`;
  const detail = settled === 0 ? 'nothing has settled yet' : sum;
  const late = isOverdue ? '; not all that was asked has settled in the time given' : '';
  return { stage: 'log-to-stored', verdict, detail: `${detail}${late}` };
}
