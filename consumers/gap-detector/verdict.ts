// Three values, and the rules from findings to them. Nothing passes because nothing was looked at. Pure.
import { hash } from 'node:crypto';

export const VERDICTS = ['pass', 'inconclusive', 'fail'] as const;
export type Verdict = (typeof VERDICTS)[number];
export type StageVerdict = Verdict | 'not-measurable';

export const STAGES = [
  'source-to-gateway',
  'gateway-to-log',
  'log-to-stored',
  'command-to-reply',
  'reply-to-delivered',
] as const;
export type Stage = (typeof STAGES)[number];

/** What each kind of finding does to its stage: `none` is reported and does not lower it. */
export const FINDING_WEIGHT = {
  missing: 'fail',
  altered: 'fail',
  extra: 'fail',
  truncated: 'fail',
  recreated: 'fail',
  'wrong-cluster': 'fail',
  'epoch-regressed': 'fail',
  'source-gap': 'fail',
  'reply-missing': 'fail',
  'reply-doubled': 'fail',
  'books-wrong': 'fail',
  hole: 'inconclusive',
  'tail-unknown': 'inconclusive',
  'spooled-elsewhere': 'inconclusive',
  'expired-unaudited': 'inconclusive',
  duplicate: 'none',
  conflict: 'none',
  reordered: 'none',
} as const satisfies Record<string, 'fail' | 'inconclusive' | 'none'>;

export type FindingKind = keyof typeof FINDING_WEIGHT;

const WEIGHTS = ['fail', 'inconclusive', 'none'] as const;

export interface Finding {
  readonly kind: FindingKind;
  readonly stage: Stage;
  readonly topic?: string;
  readonly partition?: number;
  readonly incarnation?: string;
  /** One offset; source and tail findings carry from and to instead (both inclusive). */
  readonly offset?: number;
  readonly from?: number;
  readonly to?: number;
  readonly gatewayEpoch?: string;
  /** A source that counts, with its stream and the life of the stream's counter. */
  readonly source?: string;
  readonly stream?: string;
  readonly streamEpoch?: string;
  readonly replyId?: string;
  /** The event's own id, where the log tells it. */
  readonly id?: string;
  readonly eventKey?: string;
  /** When the gateway received what it is about; milliseconds since the Unix epoch. */
  readonly receivedAt?: number;
  /** What happened within ten seconds of that. */
  readonly coincident?: readonly string[];
  readonly detail: string;
}

export function worst<V extends Verdict>(verdicts: readonly V[]): Verdict {
  return verdicts.reduce<Verdict>(
    (soFar, one) => (VERDICTS.indexOf(one) > VERDICTS.indexOf(soFar) ? one : soFar),
    'pass',
  );
}

/** The verdict of one stage from its findings. */
export function stageVerdict(findings: readonly Pick<Finding, 'kind'>[]): Verdict {
  const weights = findings.map(({ kind }) => FINDING_WEIGHT[kind]);
  if (weights.includes('fail')) return 'fail';
  return weights.includes('inconclusive') ? 'inconclusive' : 'pass';
}

/** Losses before what lowers nothing, however much of that there is; those of one weight stay in their order. */
export function heaviestFirst(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ kind }: Finding): number => WEIGHTS.indexOf(FINDING_WEIGHT[kind]);
  return findings.toSorted((a, b) => rank(a) - rank(b));
}

/** The worst of the measurable stages, and never better than inconclusive below the wanted coverage. */
export function overallVerdict(stages: readonly StageVerdict[], coverage: number, coverageMin: number): Verdict {
  const measurable = stages.filter((verdict): verdict is Verdict => verdict !== 'not-measurable');
  const enough: Verdict = measurable.length > 0 && coverage >= coverageMin ? 'pass' : 'inconclusive';
  return worst([enough, ...measurable]);
}

/** An index takes no entry of any length, and a source and its stream may be called anything. */
const KEY_CHARS_MAX = 500;

/** Two findings with the same key are the same finding seen again. */
export function findingKey(finding: Finding): string {
  const key = keyOf(finding);
  return key.length <= KEY_CHARS_MAX ? key : `${finding.kind}|${finding.stage}|${hash('sha256', key)}`;
}

function keyOf(finding: Finding): string {
  const { kind, stage, incarnation, topic, partition, offset, from, gatewayEpoch, source, stream, streamEpoch } =
    finding;
  if (finding.replyId !== undefined) return [kind, stage, finding.replyId].join('|');
  if (stream !== undefined)
    return [kind, stage, JSON.stringify([source, stream, streamEpoch]), from ?? offset].join('|');
  const life = incarnation ?? gatewayEpoch ?? topic ?? '';
  return [kind, stage, life, partition ?? '', offset ?? from ?? ''].join('|');
}

/** Where it is, for people; '' where it names no place. */
export function placeOf(finding: Finding): string {
  const { topic, partition, offset, gatewayEpoch, source, stream, streamEpoch, replyId } = finding;
  if (stream !== undefined)
    return `${source} stream ${stream} epoch ${streamEpoch} ${rangeOf(finding, 'number')}`.trim();
  if (replyId !== undefined) return `reply ${replyId}`;
  if (topic !== undefined && partition !== undefined) {
    const at = offset === undefined ? rangeOf(finding, '').trim() : String(offset);
    return `${topic}-${partition}${at === '' ? '' : `@${at}`}`;
  }
  return gatewayEpoch === undefined ? '' : `epoch ${gatewayEpoch} ${rangeOf(finding, 'frame')}`.trim();
}

function rangeOf({ from, to = from }: Finding, unit: string): string {
  if (from === undefined || to === undefined) return '';
  return from === to ? `${unit} ${from}` : `${unit}${unit === '' ? '' : 's'} ${from}..${to}`;
}

export const EXIT_CODE: Readonly<Record<Verdict, number>> = { pass: 0, fail: 3, inconclusive: 8 };
