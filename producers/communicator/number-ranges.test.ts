import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NumberRanges } from './number-ranges.ts';

describe('ranges of numbers that were met', () => {
  test('are inclusive, grow at their end and skip what is known', () => {
    const met = new NumberRanges();
    for (const number of [3, 4, 4, 2, 5, 9]) met.add(number);
    expect(met.ranges).toEqual([
      { from: 3, to: 5 },
      { from: 9, to: 9 },
    ]);
    expect(met.without(1, 10)).toEqual([
      { from: 1, to: 2 },
      { from: 6, to: 8 },
      { from: 10, to: 10 },
    ]);
    expect([met.without(3, 5), met.without(6, 5)]).toEqual([[], []]);
    expect(new NumberRanges().without(1, 2)).toEqual([{ from: 1, to: 2 }]);
  });

  test('leave out exactly what was never met', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    const bounds = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(numbers, bounds, (some, [from, to]) => {
        const met = new NumberRanges();
        for (const number of some.toSorted((a, b) => a - b)) met.add(number);
        const all = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
        const without = met
          .without(from, to)
          .flatMap((range) => Array.from({ length: range.to - range.from + 1 }, (_, index) => range.from + index));
        expect(without).toEqual(all.filter((number) => !some.includes(number)));
      }),
    );
  });
});
