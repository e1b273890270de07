import { expect, test } from 'vitest';
import { percentile } from './percentile.ts';

test('a percentile is a value that occurred', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([0, 0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100, 100]);
  expect(percentile([7], 0.999)).toBe(7);
  expect(() => percentile([], 0.5)).toThrow('no values');
});
