// Lag = high watermark - max(committed offset, log start offset). A group that never committed has an unknown lag, which
// is null and never 0; a total is known only when every part of it is. Pure.
import type { LogFacts, PartitionPosition } from './observation.ts';

interface PartitionLag {
  readonly partition: number;
  readonly logStart: number;
  readonly highWatermark: number;
  readonly lag: Readonly<Record<string, number | null>>;
}

export interface Lag {
  readonly topic: string;
  readonly groups: readonly { readonly group: string; readonly total: number | null }[];
  readonly partitions: readonly PartitionLag[];
}

export function lagOf({ topic, groups, partitions }: LogFacts): Lag {
  const lags = partitions.map((position) => ({
    partition: position.partition,
    logStart: position.logStart,
    highWatermark: position.highWatermark,
    lag: Object.fromEntries(groups.map((group) => [group, lagIn(position, group)])),
  }));
  return {
    topic,
    groups: groups.map((group) => ({ group, total: total(lags.map(({ lag }) => lag[group] ?? null)) })),
    partitions: lags,
  };
}

function lagIn({ logStart, highWatermark, committed }: PartitionPosition, group: string): number | null {
  const next = committed[group];
  return next === undefined ? null : Math.max(0, highWatermark - Math.max(next, logStart));
}

function total(lags: readonly (number | null)[]): number | null {
  return lags.reduce((sum, lag) => (sum === null || lag === null ? null : sum + lag), 0);
}
