import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planEvents } from './generator.ts';
import { phasesSchema, timeOfArea } from './phases.ts';
import { loadProfile } from './profile-files.ts';
import { populationOf } from './scene.ts';

test('steps, ramps and pauses: the n-th event lies where the area under the rate is n', () => {
  const phases = phasesSchema.parse([
    { seconds: 10, rate: 2 },
    { seconds: 5, rate: 0 },
    { seconds: 10, rate: 0, to: 4 },
  ]);
  expect([0, 10, 19.9].map((area) => timeOfArea(phases, area))).toEqual([0, 5_000, 9_950]);
  expect(timeOfArea(phases, 20)).toBe(15_000);
  expect(timeOfArea(phases, 25)).toBeCloseTo(20_000, 6);
  expect(timeOfArea(phases, 40)).toBeUndefined();
});

test('time grows with the area and never leaves the phases', () => {
  const rate = fc.integer({ min: 0, max: 50 });
  const phase = fc.record({ seconds: fc.integer({ min: 1, max: 60 }), rate, to: rate });
  fc.assert(
    fc.property(fc.array(phase, { minLength: 1, maxLength: 6 }), (phases) => {
      let beforeMs = 0;
      const lengthMs = phases.reduce((sum, { seconds }) => sum + seconds * 1_000, 0);
      for (let area = 0.5; ; area += 7.3) {
        const timeMs = timeOfArea(phases, area);
        if (timeMs === undefined) return;
        expect(timeMs).toBeGreaterThanOrEqual(beforeMs);
        expect(timeMs).toBeLessThanOrEqual(lengthMs + 0.001);
        beforeMs = timeMs;
      }
    }),
  );
});

test('a plan in phases has about as many events as they say, each in its phase, and ends', () => {
  const profile = loadProfile('demo');
  const phases = [
    { seconds: 20, rate: 100 },
    { seconds: 10, rate: 0 },
    { seconds: 20, rate: 0, to: 100 },
  ];
  const times: number[] = [];
  for (const { atMs } of planEvents({ profile, population: populationOf(profile, 3), seed: 3, stream: 0, phases })) {
    if (!Number.isFinite(atMs)) break;
    times.push(atMs);
  }
  const between = (from: number, to: number) => times.filter((atMs) => atMs >= from && atMs < to).length;
  expect([between(20_000, 30_000), between(50_000, 1e9)]).toEqual([0, 0]);
  expect(Math.abs(between(0, 20_000) - 2_000)).toBeLessThan(150);
  expect(Math.abs(between(30_000, 40_000) - 250)).toBeLessThan(60);
  expect(Math.abs(between(40_000, 50_000) - 750)).toBeLessThan(100);
});
