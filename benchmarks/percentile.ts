// Percentiles of what was measured. Pure.

/** The smallest value that at least this share (0 to 1) of the values, which ascend, does not exceed. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const value = ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}
