// Which offsets a replay of what is missing has to read again: exactly those that an audit found missing in the topic as it is
// now, joined into ranges, and what the log has forgotten meanwhile. Pure.
import type { Finding } from '../../consumers/gap-detector/verdict.ts';

export interface ReplayRange {
  readonly partition: number;
  /** Inclusive. */
  readonly lower: bigint;
  /** Exclusive. */
  readonly upper: bigint;
}

export interface MissingPlan {
  readonly ranges: readonly ReplayRange[];
  readonly offsets: number;
  /** Below the log start: nobody can read them again. */
  readonly unrecoverable: readonly ReplayRange[];
  /** Missing in an incarnation of the topic that has ended. */
  readonly ended: number;
}

export function missingPlan(
  findings: readonly Finding[],
  incarnation: string,
  logStarts: ReadonlyMap<number, bigint>,
): MissingPlan {
  const missing = findings.filter(({ kind, stage, offset }) => {
    return kind === 'missing' && stage === 'log-to-stored' && offset !== undefined;
  });
  const current = missing.filter((one) => one.incarnation === incarnation && logStarts.has(one.partition ?? -1));
  const isGone = ({ partition, offset }: Finding) => BigInt(offset ?? 0) < (logStarts.get(partition ?? -1) ?? 0n);
  const ranges = rangesOf(current.filter((one) => !isGone(one)));
  return {
    ranges,
    offsets: sizeOf(ranges),
    unrecoverable: rangesOf(current.filter(isGone)),
    ended: missing.length - current.length,
  };
}

export function sizeOf(ranges: readonly ReplayRange[]): number {
  return ranges.reduce((sum, { lower, upper }) => sum + Number(upper - lower), 0);
}

function rangesOf(findings: readonly Finding[]): readonly ReplayRange[] {
  const places = findings
    .map(({ partition = 0, offset = 0 }) => ({ partition, offset: BigInt(offset) }))
    .sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
  const ranges: ReplayRange[] = [];
  for (const { partition, offset } of places) {
    const last = ranges.at(-1);
    if (last?.partition === partition && offset < last.upper) continue;
    if (last?.partition === partition && last.upper === offset)
      ranges[ranges.length - 1] = { ...last, upper: offset + 1n };
    else ranges.push({ partition, lower: offset, upper: offset + 1n });
  }
  return ranges;
}
