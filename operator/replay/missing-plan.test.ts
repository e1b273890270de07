import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { missingPlan } from './missing-plan.ts';

const missing = (partition: number, offset: number, incarnation = 'i'): Finding => {
  return { kind: 'missing', stage: 'log-to-stored', topic: 't', partition, offset, incarnation, detail: 'no row' };
};

test('exactly the missing offsets are read again, in ranges that neither touch nor overlap', () => {
  const places = fc.array(fc.tuple(fc.nat(2), fc.nat(40)), { maxLength: 60 });
  fc.assert(
    fc.property(places, fc.nat(20), (found, logStart) => {
      const starts = new Map([0, 1, 2].map((partition) => [partition, BigInt(logStart)]));
      const { ranges, offsets, unrecoverable } = missingPlan(
        found.map(([p, o]) => missing(p, o)),
        'i',
        starts,
      );
      const listed = (all: typeof ranges) =>
        all.flatMap(({ partition, lower, upper }) =>
          Array.from({ length: Number(upper - lower) }, (_, index) => `${partition}@${Number(lower) + index}`),
        );
      const wanted = [...new Set(found.filter(([, o]) => o >= logStart).map(([p, o]) => `${p}@${o}`))];
      expect(listed(ranges).sort()).toEqual(wanted.sort());
      expect(offsets).toBe(wanted.length);
      const gone = [...new Set(found.filter(([, o]) => o < logStart).map(([p, o]) => `${p}@${o}`))];
      expect(listed(unrecoverable).sort()).toEqual(gone.sort());
      for (const [index, { partition, lower }] of ranges.entries()) {
        const before = ranges[index - 1];
        if (before?.partition === partition) expect(lower).toBeGreaterThan(before.upper);
      }
    }),
  );
});

test('what was missing in an ended incarnation, at another stage or is no loss, is not read again', () => {
  const starts = new Map([[0, 0n]]);
  const others: readonly Finding[] = [
    { ...missing(0, 1), kind: 'altered' },
    { ...missing(0, 2), stage: 'gateway-to-log' },
  ];
  expect(missingPlan([...others, missing(0, 3, 'ended'), missing(9, 4)], 'i', starts)).toEqual({
    ranges: [],
    offsets: 0,
    unrecoverable: [],
    ended: 2,
  });
});
