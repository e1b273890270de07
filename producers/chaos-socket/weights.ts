// Choosing by weight: cumulative sums and a search by halves, so that a draw among 10,000 senders costs a dozen steps.
import { firstWhere } from '../../service/first-where.ts';
import type { Random } from '../../service/random.ts';

/** Draws an index in proportion to its weight. At least one weight must be above zero, none below. */
export function weightedIndex(weights: readonly number[]): (random: Random) => number {
  const sums = new Float64Array(weights.length);
  let total = 0;
  weights.forEach((weight, index) => {
    total += weight;
    sums[index] = total;
  });
  // The last one's is what is left: rounding must not lead beyond it.
  const ends = sums.subarray(0, -1);
  return (random) => {
    const point = random() * total;
    return firstWhere(ends, (sum) => sum > point);
  };
}

/** Draws one of the named choices in proportion to its weight. */
export function weightedChoice<T extends string>(choices: readonly (readonly [T, number])[]): (random: Random) => T {
  const draw = weightedIndex(choices.map(([, weight]) => weight));
  return (random) => {
    const choice = choices[draw(random)];
    if (choice === undefined) throw new Error('a weighted choice needs at least one choice');
    return choice[0];
  };
}

/** Weights 1, 1/2, 1/3, …: few are busy, most are quiet, as chats and people are. */
export function zipfWeights(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => 1 / (index + 1));
}
