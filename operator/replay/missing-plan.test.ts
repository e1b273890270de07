import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MissingRange } from '../../consumers/gap-detector/findings-book.ts';
import { missingPlan, type ReplayRange } from './missing-plan.ts';

const range = (partition: number, lower: number, size: number, incarnation = 'i'): MissingRange => {
  return { incarnation, partition, lower: BigInt(lower), upper: BigInt(lower + size) };
};
const listed = (ranges: readonly ReplayRange[]): readonly string[] =>
  ranges.flatMap(({ partition, lower, upper }) =>
    Array.from({ length: Number(upper - lower) }, (_, index) => `${partition}@${Number(lower) + index}`),
  );

test('exactly the missing offsets are read again, but for those that the log has forgotten', () => {
  const one = fc.tuple(fc.nat(2), fc.nat(40), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 20 }), fc.nat(30), (found, logStart) => {
      const missing = found.map(([partition, lower, size]) => range(partition, lower, size));
      const starts = new Map([0, 1, 2].map((partition) => [partition, BigInt(logStart)]));
      const { ranges, offsets, unrecoverable, ended } = missingPlan(missing, 'i', starts);
      const isThere = (place: string) => Number(place.split('@')[1]) >= logStart;
      expect(listed(ranges)).toEqual(listed(missing).filter(isThere));
      expect(listed(unrecoverable)).toEqual(listed(missing).filter((place) => !isThere(place)));
      expect([offsets, ended]).toEqual([listed(ranges).length, 0]);
    }),
  );
});

test('what was missing in an ended incarnation, or in a partition that is not there, is counted and not read again', () => {
  expect(missingPlan([range(0, 3, 5, 'ended'), range(9, 4, 1)], 'i', new Map([[0, 0n]]))).toEqual({
    ranges: [],
    offsets: 0,
    unrecoverable: [],
    ended: 6,
  });
});
