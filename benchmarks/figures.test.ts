import { expect, test } from 'vitest';
import { spread } from './figures.ts';

test('the median of an even number of runs lies between the two middle ones', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
  expect(spread([9, 5, 7])).toEqual({ min: 5, median: 7, max: 9 });
  expect(spread([6])).toEqual({ min: 6, median: 6, max: 6 });
});

test('no runs are no figure', () => {
  expect(() => spread([])).toThrow('no values');
});
