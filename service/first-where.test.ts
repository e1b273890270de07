import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstWhere } from './first-where.ts';

test('is where a search from the beginning would end, in a dozen steps', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 4_000 }),
      fc.integer({ max: 51 }),
      (some, from) => {
        const items = some.toSorted((a, b) => a - b);
        const found = items.findIndex((item) => item >= from);
        let steps = 0;
        const holds = (item: number): boolean => {
          steps += 1;
          return item >= from;
        };
        expect(firstWhere(items, holds)).toBe(found === -1 ? items.length : found);
        expect(steps).toBeLessThanOrEqual(12);
      },
    ),
  );
});
