// What a benchmark reports: each figure as minimum, median and maximum over its runs. Pure.
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface Figure {
  readonly figure: string;
  readonly unit: string;
  readonly value: Spread;
  /** The peer measured in the same run, with the ratio to it. */
  readonly against?: string;
  readonly ratio?: Spread;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (min === undefined || max === undefined || low === undefined || high === undefined) throw new Error('no values');
  return { min, median: (low + high) / 2, max };
}
