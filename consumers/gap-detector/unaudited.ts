// What left the log before an audit had judged it, in numbers. Pure.
import { Intervals } from './intervals.ts';
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
  const lives = new Map<string, Intervals>();
  let sum = 0;
  for (const { kind, stage, incarnation, partition, from = 0, to = 0 } of findings) {
    if (kind !== 'expired-unaudited' || stage !== 'log-to-stored') continue;
    const at = perPartition.find((one) => one.incarnation === incarnation && one.partition === partition);
    const life = `${incarnation} ${partition}`;
    const counted = lives.get(life) ?? new Intervals();
    lives.set(life, counted);
    sum += counted.add(from, Math.min(to + 1, at?.from ?? Number.POSITIVE_INFINITY));
  }
  return sum;
}
