// How much may be lost, given what was seen lost: an interval, never a bare number. Pure.
// @ts-expect-error The package brings no types.
import jstat from 'jstat';
import { below, type Random } from '../../service/random.ts';

const { beta } = (jstat as { readonly jStat: { readonly beta: Beta } }).jStat;
interface Beta {
  cdf(x: number, alpha: number, beta: number): number;
}

/** The library's own quantile takes ten steps and stops, up to 0.3 % off: its distribution function is halved down instead. */
function quantile(probability: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (low + high) / 2;
    if (beta.cdf(middle, a, b) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const HALVINGS = 100;

export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** One fault episode: how much of how much was lost in it. */
export interface Episode {
  readonly lost: number;
  readonly total: number;
}

/**
 * Clopper-Pearson: the exact two-sided interval of a share from `lost` of `total` independent units. `level` is 0.95 for 95 %.
 * undefined where nothing was looked at.
 */
export function clopperPearson(lost: number, total: number, level = 0.95): Interval | undefined {
  if (total <= 0) return undefined;
  const tail = (1 - level) / 2;
  return {
    lower: lost === 0 ? 0 : quantile(tail, lost, total - lost + 1),
    upper: lost >= total ? 1 : quantile(1 - tail, lost + 1, total - lost),
  };
}

/** The one-sided upper bound when none of `total` units was lost; about 3/total at 95 % (the rule of three). */
export function upperBoundOfNone(total: number, level = 0.95): number | undefined {
  return total <= 0 ? undefined : 1 - (1 - level) ** (1 / total);
}

/** Losses come in bursts: fewer episodes than this say nothing about how they scatter. */
export const EPISODES_MIN = 5;
const RESAMPLES = 2_000;

/**
 * Percentile bootstrap of the loss ratio with whole episodes as units; undefined with too few of them, and where none has lost anything:
 * drawn again they would say that nothing ever is.
 */
export function bootstrap(episodes: readonly Episode[], random: Random, level = 0.95): Interval | undefined {
  if (episodes.length < EPISODES_MIN || episodes.every(({ lost }) => lost === 0)) return undefined;
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const drawn = episodes.map(() => episodes[below(random, episodes.length)] as Episode);
    const total = drawn.reduce((sum, one) => sum + one.total, 0);
    return total === 0 ? 0 : drawn.reduce((sum, one) => sum + one.lost, 0) / total;
  }).sort((a, b) => a - b);
  const at = (share: number): number => ratios[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? 0;
  return { lower: at((1 - level) / 2), upper: at((1 + level) / 2) };
}
