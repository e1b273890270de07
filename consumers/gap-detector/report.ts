// The document that `pmc audit run --json` prints and the live audit stores: accounts, stages, partitions, findings. Pure.
import { addBalances, type Balance } from './accounts.ts';
import type { EpochReport } from './gateway-ledger.ts';
import type { ReplyStage } from './replies.ts';
import type { SourceReport } from './source-ledger.ts';
import { type TimelineEvent, withCoincident } from './timeline.ts';
import { expiredUnaudited } from './unaudited.ts';
import {
  type Finding,
  heaviestFirst,
  overallVerdict,
  type Stage,
  type StageVerdict,
  stageVerdict,
  type Verdict,
  worst,
} from './verdict.ts';

export const REPORT_SCHEMA_VERSION = 1;
const TIMELINE_MAX = 1_000;
/** What is in flight for longer is not on its way: persistence does not come to it, and of what lies behind it nobody can say anything. */
const UNSETTLED_MAX_MS = 60_000;

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
  /** For how many milliseconds the offset at `to` has waited to be judged; undefined where nothing waits. */
  readonly unsettledMs?: number;
}

export interface StageReport {
  readonly stage: Stage;
  readonly verdict: StageVerdict;
  readonly detail: string;
  /** How many numbers of sources were judged, and how many of them are missing. */
  readonly judged?: number;
  readonly missing?: number;
  /** Records that expired before an audit had judged them, below what is settled: nobody can say what became of them. */
  readonly unknown?: number;
  /** Commands that had their effect at or after the one and before the other were judged. */
  readonly since?: string;
  readonly until?: string;
  readonly epochs?: readonly EpochReport[];
  readonly streams?: readonly SourceReport[];
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
  /** Heaviest first. */
  readonly findings: readonly Finding[];
  /** How many more there are: the accounts and the books have all, a report on the books lists the first. */
  readonly findingsLeftOff: number;
  /** Findings of earlier audits that this one looked at and found well: each keeps its first verdict. */
  readonly healed: readonly HealedFinding[];
  /** What happened beside the findings, oldest first. */
  readonly timeline: readonly TimelineEvent[];
  /** What may point to a loss where nothing can be measured; lowers no verdict. */
  readonly hints: readonly Hint[];
}

/** A message that a source without numbers has named and nobody has seen. */
export interface Hint {
  readonly kind: 'dangling-reference';
  readonly source: string;
  /** The id of the message that is named. */
  readonly id: string;
  /** Of the events that name it. */
  readonly kinds: readonly string[];
  readonly references: number;
  readonly firstAt: string;
}

export interface HealedFinding {
  readonly finding: Finding;
  readonly firstRun: string;
  readonly firstSeenAt: string;
  readonly healedAt: string;
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
  readonly timeline?: readonly TimelineEvent[];
  /** The two stages of replies, where somebody has looked at them. */
  readonly replies?: readonly ReplyStage[];
  readonly hints?: readonly Hint[];
  readonly epochs: readonly EpochReport[];
  /** Streams of sources that count, and events of those that were too many to follow. */
  readonly sources?: readonly SourceReport[];
  readonly unfollowed?: number;
  /** Records of the audit's own topics that it could not read: a hole in its own sight. */
  readonly unreadable: number;
  /** Why the audit's own reading is not far enough to say who is silent and what is overdue. */
  readonly lagging?: string;
  /** What a run that was told to wait has waited for in vain. */
  readonly overdue?: { readonly settling: boolean; readonly gateways: boolean };
}

export function buildReport(input: ReportInput): AuditReport {
  const accounts = addBalances(input.perPartition);
  const suspect = input.perPartition.reduce((sum, one) => sum + one.suspect, 0);
  const asked = input.perPartition.reduce((sum, { from, end }) => sum + Math.max(0, end - from), 0);
  const coverage = asked === 0 ? 0 : Math.min(1, accounts.settled / asked);
  const { timeline = [] } = input;
  const wrong = input.perPartition.flatMap((one) => wrongBooks(one, input.findings));
  const findings = withCoincident([...input.findings, ...wrong], timeline);
  const stages = [
    sourceStage(input, findings),
    gatewayStage(input, findings),
    storedStage(input, { accounts, suspect, findings }),
    ...(input.replies ?? [
      notMeasurable('command-to-reply', 'replies were not looked at'),
      notMeasurable('reply-to-delivered', 'replies were not looked at'),
    ]),
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
    findings: heaviestFirst(findings),
    findingsLeftOff: 0,
    healed: [],
    timeline: timeline.slice(-TIMELINE_MAX),
    hints: input.hints ?? [],
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

function sourceStage(
  { sources = [], unfollowed = 0, lagging }: ReportInput,
  findings: readonly Finding[],
): StageReport {
  const stage = 'source-to-gateway';
  if (sources.length === 0) {
    if (lagging !== undefined) return { stage, verdict: 'inconclusive', detail: lagging };
    return notMeasurable(stage, 'the sources do not count their events, so nobody can say what they sent');
  }
  const own = stageVerdict(findings.filter((one) => one.stage === stage));
  const judged = sumOf(sources, judgedOf);
  const missing = sumOf(sources, missingOf);
  const old = sources.filter(({ unjudged }) => unjudged === 'old').length;
  const unproved = sources.filter(({ unjudged }) => unjudged === 'blind').length;
  const blind =
    (judged === 0 && unproved === 0 ? '; all of it is too young to be judged' : '') +
    (unproved > 0 ? `; of ${unproved} streams nobody can say which numbers have expired` : '') +
    (unfollowed > 0 ? `; ${unfollowed} events of streams that are too many to follow` : '') +
    (lagging === undefined ? '' : `; ${lagging}`);
  const gone = old > 0 ? `; ${old} streams not judged, all that is left of them is as old as what has expired` : '';
  const detail = `${judged} numbers of ${sources.length} streams judged, ${missing} missing`;
  const sums = { judged, missing, streams: sources };
  // Nothing is lost sight of in a stream that ended long ago, and nothing is proved by it either.
  const isAllGone = old === sources.length && own === 'pass' && unfollowed === 0 && lagging === undefined;
  if (isAllGone) return { ...notMeasurable(stage, `${detail}${gone}`), ...sums };
  const verdict = blind === '' ? own : worst<Verdict>([own, 'inconclusive']);
  return { stage, verdict, detail: `${detail}${gone}${blind}`, ...sums };
}

/** How many of a stream's numbers were judged. */
export function judgedOf({ from, judgedUpTo, lostBelow = 0 }: SourceReport): number {
  // An infinity comes back from the books as null.
  return lostBelow + (from === null ? 0 : Math.max(0, judgedUpTo - from + 1));
}

export function missingOf({ missing, lostBelow = 0 }: SourceReport): number {
  return missing + lostBelow;
}

/** A peer may jump to the last number there is, in each of its streams. */
function sumOf(sources: readonly SourceReport[], of: (one: SourceReport) => number): number {
  return Math.min(
    sources.reduce((sum, one) => sum + of(one), 0),
    Number.MAX_SAFE_INTEGER,
  );
}

function gatewayStage(
  { epochs, unreadable, overdue, mode, lagging }: ReportInput,
  findings: readonly Finding[],
): StageReport {
  const sum = (of: (epoch: EpochReport) => number): number => epochs.reduce((all, one) => all + of(one), 0);
  const [inLog, elsewhere] = [sum((one) => one.inLog), sum((one) => one.elsewhere)];
  const missing = sum((one) => one.missing);
  const about = findings.filter(({ stage }) => stage === 'gateway-to-log');
  const own = stageVerdict(about);
  if (epochs.length === 0 && own === 'pass' && lagging === undefined)
    return notMeasurable('gateway-to-log', 'no gateway epoch is on the log');
  // A bounded run has read the log to its end, and so has anybody some time after an epoch's last word: what was claimed
  // beyond that was on the log once and is there no more, or was never read.
  const unread = epochs.filter(
    ({ judgedUpTo, settledUpTo, state }) => judgedUpTo < settledUpTo && (mode === 'run' || state !== 'live'),
  ).length;
  const isUnheard = overdue?.gateways ?? false;
  const isBlind = unreadable > 0 || unread > 0 || isUnheard || lagging !== undefined;
  const verdict = isBlind ? worst<Verdict>([own, 'inconclusive']) : own;
  const tails = epochs.filter(({ tail }) => tail !== null).length;
  const blind =
    (unreadable > 0 ? `, ${unreadable} records could not be read` : '') +
    (unread > 0 ? `, ${unread} epochs claim offsets that the log does not have` : '') +
    (isUnheard ? ', a living gateway has said nothing since the call' : '') +
    (lagging === undefined ? '' : `, ${lagging}`);
  const frames = `${inLog} frames of ${epochs.length} gateway epochs on the log, rejected ones among them`;
  const detail = `${frames}, ${elsewhere} settled elsewhere, ${missing} missing, ${tails} open tails${blind}`;
  return { stage: 'gateway-to-log', verdict, detail, epochs };
}

function storedStage(
  { overdue, perPartition }: ReportInput,
  { accounts, suspect, findings }: Pick<AuditReport, 'accounts' | 'suspect' | 'findings'>,
): StageReport {
  const own = stageVerdict(findings.filter(({ stage }) => stage === 'log-to-stored'));
  const stuck = perPartition.filter(({ unsettledMs = 0 }) => unsettledMs > UNSETTLED_MAX_MS);
  const isOverdue = overdue?.settling ?? false;
  const isOpen = accounts.settled === 0 || suspect > 0 || isOverdue || stuck.length > 0;
  const verdict = isOpen ? worst<Verdict>([own, 'inconclusive']) : own;
  const { settled, stored, missing, residual } = accounts;
  const sum = `${settled} offsets settled, ${stored} stored, ${missing} missing, ${suspect} suspect, residual ${residual}`;
  const detail = [
    settled === 0 ? 'nothing has settled yet' : sum,
    ...(isOverdue ? ['not all that was asked has settled in the time given'] : []),
    ...stuck.map(({ topic, partition, to, unsettledMs = 0 }) => {
      return `${topic}-${partition}@${to} has waited for ${Math.round(unsettledMs / 1_000)} s`;
    }),
  ].join('; ');
  return { stage: 'log-to-stored', verdict, detail, unknown: expiredUnaudited(findings, perPartition) };
}
