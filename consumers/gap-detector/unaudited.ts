// What left the log before an audit had judged it, in numbers. Pure.
import type { PartitionReport } from './report.ts';
import type { Finding } from './verdict.ts';

/**
 * How many records expired before an audit had judged them, and lie below what this one has settled: those above are in the account of
 * that name. What two auditors have told of is counted once.
 */
export function expiredUnaudited(
  findings: readonly Finding[],
  perPartition: readonly Pick<PartitionReport, 'partition' | 'incarnation' | 'from'>[],
): number {
  const ranges = findings
    .filter(({ kind, stage }) => kind === 'expired-unaudited' && stage === 'log-to-stored')
    .toSorted((one, other) => (one.from ?? 0) - (other.from ?? 0));
  let sum = 0;
  const counted = new Map<string, number>();
  for (const { incarnation, partition, from = 0, to = 0 } of ranges) {
    const at = perPartition.find((one) => one.incarnation === incarnation && one.partition === partition);
    const life = `${incarnation} ${partition}`;
    const lower = Math.max(from, counted.get(life) ?? 0);
    const upper = Math.min(to + 1, at?.from ?? Number.POSITIVE_INFINITY);
    if (lower >= upper) continue;
    sum += upper - lower;
    counted.set(life, upper);
  }
  return sum;
}
