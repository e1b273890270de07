import { expect, test } from 'vitest';
import { seededRandom } from '../../service/random.ts';
import { weightedChoice, weightedIndex, zipfWeights } from './weights.ts';

test('each choice comes as often as its weight says, and one of weight 0 never', () => {
  const random = seededRandom(5, 0);
  const drawOne = weightedChoice([
    ['never', 0],
    ['seldom', 0.1],
    ['mostly', 0.9],
    ['nor this', 0],
  ]);
  const counts = new Map<string, number>();
  for (let n = 0; n < 100_000; n++) {
    const choice = drawOne(random);
    counts.set(choice, (counts.get(choice) ?? 0) + 1);
  }
  expect([...counts.keys()].toSorted()).toEqual(['mostly', 'seldom']);
  expect(counts.get('seldom')).toBeGreaterThan(9_500);
  expect(counts.get('seldom')).toBeLessThan(10_500);
});

test('the extremes of a draw stay inside', () => {
  const drawOne = weightedIndex([1, 1, 1]);
  expect(drawOne(() => 0)).toBe(0);
  expect(drawOne(() => 1 - Number.EPSILON)).toBe(2);
});

test('under Zipf weights the first comes about ten times as often as the tenth', () => {
  const random = seededRandom(9, 0);
  const drawOne = weightedIndex(zipfWeights(1_000));
  const counts = Array.from({ length: 1_000 }, () => 0);
  for (let n = 0; n < 200_000; n++) counts[drawOne(random)]! += 1;
  expect(counts[0]! / counts[9]!).toBeGreaterThan(8.5);
  expect(counts[0]! / counts[9]!).toBeLessThan(11.5);
});
