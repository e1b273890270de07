// Up to where a partition may be judged. Above it is in flight: not lost, not safe, not yet known. Pure.
export interface SettledInput {
  readonly logStart: bigint;
  readonly lastStable: bigint;
  /** Committed offset of the persistence group, undefined without a commit. */
  readonly committed: bigint | undefined;
  /** What persistence has put on record in the database (coverage), undefined without. */
  readonly covered: bigint | undefined;
}

/**
 * The committed offset says that all below it was made durable; the coverage row says the same and does not move back
 * when an operator rewinds the group. Taking the larger one only widens what is judged: every row is proved again anyway.
 */
export function settledWatermark({ logStart, lastStable, committed, covered }: SettledInput): bigint {
  const claims = [committed ?? logStart, covered ?? logStart];
  const claimed = claims.reduce((a, b) => (a > b ? a : b));
  const bounded = claimed < lastStable ? claimed : lastStable;
  return bounded > logStart ? bounded : logStart;
}
