import { expect, test } from 'vitest';
import { below, hashedUnit, seededRandom } from './random.ts';

const draw = (seed: number, lane: number, count = 1_000) => {
  const random = seededRandom(seed, lane);
  return Array.from({ length: count }, random);
};

test('the same seed and lane draw the same numbers, any other seed or lane others', () => {
  expect(draw(7, 0)).toEqual(draw(7, 0));
  const others = [draw(8, 0), draw(7, 1), draw(7, -1), draw(7 + 2 ** 32, 0)];
  for (const other of others) expect(other.filter((value, index) => value === draw(7, 0)[index])).toEqual([]);
});

test('draws fill the unit interval evenly', () => {
  const buckets = Array.from({ length: 10 }, () => 0);
  for (const value of draw(1, 0, 100_000)) buckets[Math.floor(value * 10)]! += 1;
  for (const count of buckets) expect(count).toBeGreaterThan(9_500);
  for (const count of buckets) expect(count).toBeLessThan(10_500);
});

test('integers below a bound reach every value and never the bound', () => {
  const random = seededRandom(3, 0);
  const seen = new Set(Array.from({ length: 1_000 }, () => below(random, 5)));
  expect(seen).toEqual(new Set([0, 1, 2, 3, 4]));
});

test('a hashed unit depends on each of its three integers and on nothing else', () => {
  expect(hashedUnit(1, 2, 3)).toBe(hashedUnit(1, 2, 3));
  expect(new Set([hashedUnit(1, 2, 3), hashedUnit(2, 2, 3), hashedUnit(1, 3, 3), hashedUnit(1, 2, 4)]).size).toBe(4);
});
