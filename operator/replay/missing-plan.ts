// Which offsets a replay of what is missing has to read again: exactly those that an audit found missing in the topic as it is
// now, and what the log has forgotten meanwhile. Pure.
import type { MissingRange } from '../../consumers/gap-detector/findings-book.ts';

export type ReplayRange = Omit<MissingRange, 'incarnation'>;

export interface MissingPlan {
  readonly ranges: readonly ReplayRange[];
  readonly offsets: number;
  /** Below the log start: nobody can read them again. */
  readonly unrecoverable: readonly ReplayRange[];
  /** Missing in an incarnation of the topic that has ended. */
  readonly ended: number;
}

export function missingPlan(
  missing: readonly MissingRange[],
  incarnation: string,
  logStarts: ReadonlyMap<number, bigint>,
): MissingPlan {
  const isCurrent = (one: MissingRange): boolean => one.incarnation === incarnation && logStarts.has(one.partition);
  const startOf = ({ partition }: MissingRange): bigint => logStarts.get(partition) ?? 0n;
  const current = missing.filter(isCurrent);
  const ranges = current.flatMap((one) => part(one, startOf(one), one.upper));
  return {
    ranges,
    offsets: sizeOf(ranges),
    unrecoverable: current.flatMap((one) => part(one, one.lower, startOf(one))),
    ended: sizeOf(missing.filter((one) => !isCurrent(one))),
  };
}

export function sizeOf(ranges: readonly ReplayRange[]): number {
  return ranges.reduce((sum, { lower, upper }) => sum + Number(upper - lower), 0);
}

/** What of a range lies between the two: one range, or none. */
function part({ partition, lower, upper }: ReplayRange, from: bigint, to: bigint): readonly ReplayRange[] {
  const within = { partition, lower: lower > from ? lower : from, upper: upper < to ? upper : to };
  return within.lower < within.upper ? [within] : [];
}
