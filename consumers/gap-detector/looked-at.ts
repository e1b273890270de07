// What a report looked at, asked for one finding of the books after the other: in a mass loss there are as many of them as in the report,
// so nothing is searched for, each answer is looked up. Pure.
import type { EpochReport } from './gateway-ledger.ts';
import { Intervals } from './intervals.ts';
import type { AuditReport, PartitionReport } from './report.ts';
import type { SourceReport } from './source-ledger.ts';
import type { Finding, FindingKind } from './verdict.ts';

/** What happened to the log is seen once, by whichever auditor comes first, and nothing that comes later undoes it. */
export const SEEN_ONCE: readonly FindingKind[] = ['truncated', 'recreated', 'epoch-regressed'];
export const EVENTS_OF_THE_LOG: readonly FindingKind[] = [...SEEN_ONCE, 'expired-unaudited'];
/** By then nothing of the log that it happened to could be there any more. */
export const EVENTS_KEPT = '7 days';

export class LookedAt {
  readonly #stages: AuditReport['stages'];
  readonly #isContentOnly: boolean;
  readonly #partitions: ReadonlyMap<string, readonly PartitionReport[]>;
  readonly #epochs: ReadonlyMap<string, readonly EpochReport[]>;
  readonly #streams: ReadonlyMap<string, readonly SourceReport[]>;
  /** Offsets of which the report says that nobody can judge them. */
  readonly #unaudited: ReadonlyMap<string, Intervals>;
  readonly #counted: ReadonlyMap<string, Intervals>;

  /** `isContentOnly`: derived columns were not compared. */
  constructor({ stages, perPartition, findings }: AuditReport, isContentOnly = false) {
    this.#stages = stages;
    this.#isContentOnly = isContentOnly;
    this.#partitions = Map.groupBy(perPartition, lifeOf);
    const epochs = stages.flatMap((stage) => stage.epochs ?? []);
    this.#epochs = Map.groupBy(epochs, ({ gatewayEpoch }) => gatewayEpoch);
    const streams = stages.flatMap((stage) => stage.streams ?? []);
    this.#streams = Map.groupBy(streams, streamOf);
    const unaudited = findings.filter(({ kind }) => kind === 'expired-unaudited');
    this.#unaudited = rangesBy(unaudited, lifeOf);
    this.#counted = rangesBy(findings, countOf);
  }

  /** What expired, or an ended incarnation or epoch, is not healed; nor is what happened to the log itself. */
  has(finding: Finding): boolean {
    const { kind, stage, partition, offset } = finding;
    if (finding.stream !== undefined) return this.#isJudgedStream(finding);
    if (finding.replyId !== undefined) return this.#isJudgedReply(finding);
    if (partition === undefined) return this.#isJudgedEpoch(finding);
    if (EVENTS_OF_THE_LOG.includes(kind)) return false;
    if (this.#isContentOnly && kind === 'altered' && stage === 'log-to-stored') return false;
    const life = lifeOf(finding);
    const partitions = this.#partitions.get(life) ?? [];
    if (offset === undefined) return partitions.length > 0;
    // Rows beyond the log are looked for without an end.
    const isWithin = ({ from, to }: PartitionReport) => offset >= from && (offset < to || kind === 'extra');
    return partitions.some(isWithin) && this.#unaudited.get(life)?.has(offset) !== true;
  }

  /** A range of numbers of which some have come keeps its name until all have: what is left of it is found under another. */
  hasPartOf(whole: Finding): boolean {
    const { from, to = from } = whole;
    if (from === undefined || to === undefined) return false;
    return (this.#counted.get(countOf(whole))?.within(from, to + 1) ?? []).length > 0;
  }

  /** Frames whose records have expired meanwhile, and what is missing beyond what has been read, are not looked at. */
  #isJudgedEpoch({ kind, gatewayEpoch = '', from = 0, to = from }: Finding): boolean {
    const isIn = (one: EpochReport): boolean => one.from <= from && (kind !== 'missing' || to <= one.judgedUpTo);
    return (this.#epochs.get(gatewayEpoch) ?? []).some(isIn);
  }

  /** Of replies, those that are missing may come. One that is not the one that was sent stays that. */
  #isJudgedReply({ kind, stage, partition, receivedAt = 0 }: Finding): boolean {
    if (kind !== 'reply-missing') return false;
    if (stage === 'reply-to-delivered') return true;
    const { since, until } = this.#stages.find((one) => one.stage === stage) ?? {};
    const isSince = since !== undefined && receivedAt >= Date.parse(since);
    return partition === undefined && isSince && until !== undefined && receivedAt < Date.parse(until);
  }

  /** A number that came later than it might have is no gap any more. */
  #isJudgedStream(finding: Finding): boolean {
    const { from = 0, to = from } = finding;
    return (this.#streams.get(streamOf(finding)) ?? []).some((one) => one.from <= from && to <= one.judgedUpTo);
  }
}

function lifeOf({ incarnation, partition }: Pick<Finding, 'incarnation' | 'partition'>): string {
  return `${incarnation} ${partition}`;
}

function streamOf({ source, stream, streamEpoch }: Pick<Finding, 'source' | 'stream' | 'streamEpoch'>): string {
  return JSON.stringify([source, stream, streamEpoch]);
}

/** Of what a finding counts numbers, and what it says of them. */
function countOf(finding: Finding): string {
  return JSON.stringify([finding.kind, finding.gatewayEpoch, streamOf(finding)]);
}

/** The numbers that are in any of the findings, by what they are numbers of. */
function rangesBy(findings: readonly Finding[], nameOf: (one: Finding) => string): ReadonlyMap<string, Intervals> {
  const ranges = new Map<string, Intervals>();
  const counting = findings.flatMap((one) => (one.from === undefined ? [] : [{ one, from: one.from }]));
  // In ascending order each is put at the end; in any other, whatever lies above it is moved.
  for (const { one, from } of counting.toSorted((a, b) => a.from - b.from)) {
    const name = nameOf(one);
    const numbers = ranges.get(name) ?? new Intervals();
    ranges.set(name, numbers);
    numbers.add(from, (one.to ?? from) + 1);
  }
  return ranges;
}
