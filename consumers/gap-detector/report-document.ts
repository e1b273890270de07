// The report that can be cited: an audit with its loss as intervals, the versions and settings it was made under, and the
// command that repeats it. Pure.
import { seededRandom } from '../../service/random.ts';
import type { Balance } from './accounts.ts';
import { type AuditReport, judgedOf, missingOf } from './report.ts';
import type { AuditDocument } from './report-schema.ts';
import { bootstrap, clopperPearson, EPISODES_MIN, type Episode, upperBoundOfNone } from './statistics.ts';
import { expiredUnaudited } from './unaudited.ts';
import type { Stage } from './verdict.ts';

export interface DocumentInput {
  readonly generatedAtMs: number;
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly durability: Readonly<Record<string, string>>;
}

type Loss = AuditDocument['loss'][number];

export function auditDocument(report: AuditReport, input: DocumentInput): AuditDocument {
  const { generatedAtMs, command, versions, durability } = input;
  return {
    schemaVersion: 1,
    generatedAt: new Date(generatedAtMs).toISOString(),
    command,
    report: JSON.parse(JSON.stringify(report)),
    loss: [sourceLoss(report), gatewayLoss(report), storedLoss(report)],
    versions: { ...versions },
    durability: { ...durability },
  };
}

/** Where a report keeps its streams one by one they are the episodes; of very many it keeps the sums alone. */
function sourceLoss(report: AuditReport): Loss {
  const stage = report.stages.find((one) => one.stage === 'source-to-gateway');
  const { judged = 0, missing = 0 } = stage ?? {};
  const streams = stage?.streams?.map((one) => ({ lost: missingOf(one), total: judgedOf(one) }));
  const loss = lossOf('source-to-gateway', 'numbers', streams ?? [{ lost: missing, total: judged }], 0, 'streams');
  if (streams !== undefined) return loss;
  if (stage !== undefined && stage.verdict !== 'not-measurable' && stage.judged === undefined) {
    const method = 'a report of an earlier version does not say how many numbers were judged: unknown';
    return { ...loss, method, episodes: { total: 0, withLoss: 0, interval: null, method } };
  }
  const method = judged === 0 ? loss.episodes.method : 'more streams than a report keeps: no interval over episodes';
  return { ...loss, episodes: { total: 0, withLoss: 0, interval: null, method } };
}

function gatewayLoss(report: AuditReport): Loss {
  const epochs = report.stages.flatMap((stage) => stage.epochs ?? []);
  const episodes = epochs.map(({ inLog, elsewhere, missing }) => ({
    lost: missing,
    total: inLog + elsewhere + missing,
  }));
  // A report of an earlier version has the open ends alone.
  const unknown = epochs.map(({ tail, unknown: all = tail === null ? 0 : tail.to - tail.from + 1 }) => all);
  const indeterminate = unknown.reduce((sum, one) => sum + one, 0);
  return lossOf('gateway-to-log', 'frames', episodes, indeterminate, 'gateway epochs');
}

/** Rows are lost and altered where the same process wrote them: the partitions of a persister are its episodes. */
function storedLoss(report: AuditReport): Loss {
  const { accounts, findings, perPartition, stages, suspect } = report;
  // A report of an earlier version has them in its findings alone.
  const { unknown = expiredUnaudited(findings, perPartition) } =
    stages.find((one) => one.stage === 'log-to-stored') ?? {};
  // Settled, and yet nobody can say: what the log has lost without a proof (the residual), and what expired while it was compared.
  const unproved = ({ residual, expired }: Balance): number => Math.max(0, residual) + expired;
  const indeterminate = suspect + unknown + unproved(accounts);
  const episodes = perPartition.map((one) => ({
    lost: one.missing + one.altered,
    total: one.settled - unproved(one),
  }));
  return lossOf('log-to-stored', 'records', episodes, indeterminate, 'partitions');
}

function lossOf(
  stage: Stage,
  unit: string,
  episodes: readonly Episode[],
  indeterminate: number,
  clusters: string,
): Loss {
  const lost = countOf(episodes.reduce((sum, one) => sum + one.lost, 0));
  const total = countOf(episodes.reduce((sum, one) => sum + one.total, indeterminate));
  const low = clopperPearson(lost, total);
  const high = clopperPearson(lost + indeterminate, total);
  const bound = lost + indeterminate === 0 ? upperBoundOfNone(total) : undefined;
  const resampled = bootstrap(episodes, seededRandom(episodes.length, lost));
  return {
    stage,
    unit,
    lost,
    indeterminate,
    total,
    ratio: total === 0 ? null : lost / total,
    interval:
      bound !== undefined
        ? { lower: 0, upper: bound }
        : low === undefined || high === undefined
          ? null
          : { lower: low.lower, upper: high.upper },
    method:
      total === 0
        ? 'nothing was judged: unknown'
        : bound !== undefined
          ? `none of ${total} ${unit}: one-sided 95 % upper bound (rule of three), ${unit} taken as independent`
          : `Clopper-Pearson, 95 %, ${unit} taken as independent; the upper end counts what nobody can say as lost`,
    episodes: {
      total: episodes.length,
      withLoss: episodes.filter((one) => one.lost > 0).length,
      interval: resampled ?? null,
      method:
        episodes.length < EPISODES_MIN
          ? `fewer than ${EPISODES_MIN} ${clusters}: no interval over episodes`
          : resampled === undefined
            ? `no loss in ${episodes.length} ${clusters}, which says nothing of how it scatters: no interval over episodes`
            : `percentile bootstrap over ${clusters}, 2,000 resamples`,
    },
  };
}

/** A number that is a count for whoever reads the document: a peer may jump to the last one there is, in each of its streams. */
function countOf(sum: number): number {
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}
