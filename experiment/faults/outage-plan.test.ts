import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type OutageWishes, outagePlanHash, planOutages } from './outage-plan.ts';
import {
  faultsOf,
  LINK_OUTAGES,
  type LinkOutage,
  PARTS,
  type Part,
  PROCESS_OUTAGES,
  type ProcessOutage,
} from './outages.ts';

const OF_PROCESS = Object.keys(PROCESS_OUTAGES) as ProcessOutage[];
const OF_LINK = Object.keys(LINK_OUTAGES) as LinkOutage[];
const WISHES: OutageWishes = {
  lengthMs: 90_000,
  targets: {
    broker: { outages: OF_PROCESS, times: 3 },
    database: { outages: OF_LINK, times: 5 },
    quiet: { outages: [], times: 0 },
  },
  forMs: { min: 500, max: 4_000 },
  restMs: 2_000,
};

test('the same seed gives the same plan and hash, another seed others', () => {
  expect(planOutages(7, WISHES)).toEqual(planOutages(7, WISHES));
  expect(planOutages(8, WISHES)).not.toEqual(planOutages(7, WISHES));
  expect(outagePlanHash(planOutages(7, WISHES))).toMatch(/^[0-9a-f]{64}$/);
  expect(outagePlanHash(planOutages(7, WISHES))).toBe(outagePlanHash(planOutages(7, WISHES)));
  expect(outagePlanHash(planOutages(8, WISHES))).not.toBe(outagePlanHash(planOutages(7, WISHES)));
});

test('every target has as many outages as wished, of the kinds that may happen to it, in order and apart', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 8 }), (seed, times) => {
      const targets = { ...WISHES.targets, database: { outages: OF_LINK, times } };
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

test('nothing happens twice to a target before all that may has happened once, in an order that the seed draws', () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const targets = { a: { outages: OF_PROCESS, times: 7 } };
    const drawn = planOutages(seed, { ...WISHES, targets }).map(({ outage }) => outage);
    for (const round of [drawn.slice(0, 3), drawn.slice(3, 6)]) {
      expect(round.toSorted()).toEqual(OF_PROCESS.toSorted());
    }
    orders.add(drawn.join(' '));
  }
  expect(orders.size).toBeGreaterThan(10);
});

test('every part of a run has its faults by name', () => {
  const faults = (Object.keys(PARTS) as Part[]).flatMap(faultsOf);
  const names = faults.map(({ fault }) => fault);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['log_down', 'log_slow', 'database_down', 'database_slow']));
  expect(names).toEqual(expect.arrayContaining(['communicator_killed', 'persistence_frozen', 'source_half_open']));
  for (const name of names) expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/);
  for (const { does } of faults) expect(does.length).toBeGreaterThan(20);
});

test.for<[string, Partial<OutageWishes>]>([
  ['do not fit', { lengthMs: 20_000 }],
  ['nothing may', { targets: { a: { outages: [], times: 1 } } }],
  ['no duration', { forMs: { min: 10, max: 5 } }],
])('what is impossible is refused: %s', ([problem, wishes]) => {
  expect(() => planOutages(1, { ...WISHES, ...wishes })).toThrow(problem);
});
