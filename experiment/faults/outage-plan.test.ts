import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LINK_OUTAGES, type OutageWishes, PROCESS_OUTAGES, planOutages } from './outage-plan.ts';

const WISHES: OutageWishes = {
  lengthMs: 90_000,
  targets: {
    broker: { outages: PROCESS_OUTAGES, times: 3 },
    database: { outages: LINK_OUTAGES, times: 5 },
    quiet: { outages: [], times: 0 },
  },
  forMs: { min: 500, max: 4_000 },
  restMs: 2_000,
};

test('the same seed gives the same plan, another seed another', () => {
  expect(planOutages(7, WISHES)).toEqual(planOutages(7, WISHES));
  expect(planOutages(8, WISHES)).not.toEqual(planOutages(7, WISHES));
});

test('every target has as many outages as wished, of the kinds that may happen to it, in order and apart', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 8 }), (seed, times) => {
      const targets = { ...WISHES.targets, database: { outages: LINK_OUTAGES, times } };
      const plan = planOutages(seed, { ...WISHES, targets });
      expect(plan.filter(({ target }) => target === 'database')).toHaveLength(times);
      expect(plan.filter(({ target }) => target === 'broker')).toHaveLength(3);
      expect(plan.toSorted((a, b) => a.atMs - b.atMs)).toEqual(plan);
      for (const [name, { outages }] of Object.entries(targets)) {
        const own = plan.filter(({ target }) => target === name);
        expect(own.every(({ outage }) => (outages as readonly string[]).includes(outage))).toBe(true);
        for (const [index, { atMs, forMs }] of own.entries()) {
          expect(atMs + forMs + WISHES.restMs).toBeLessThanOrEqual(own[index + 1]?.atMs ?? WISHES.lengthMs);
          expect(forMs).toBeGreaterThanOrEqual(500);
        }
      }
    }),
  );
});

test.for<[string, Partial<OutageWishes>]>([
  ['do not fit', { lengthMs: 20_000 }],
  ['nothing may', { targets: { a: { outages: [], times: 1 } } }],
  ['no duration', { forMs: { min: 10, max: 5 } }],
])('what is impossible is refused: %s', ([problem, wishes]) => {
  expect(() => planOutages(1, { ...WISHES, ...wishes })).toThrow(problem);
});
