import { expect, test } from 'vitest';
import { SourcePace } from './source-pace.ts';

test('a source below its rate is never paused, nor is one for a second of it at once', () => {
  const pace = new SourcePace(10);
  for (let frame = 0; frame < 10; frame += 1) pace.took(0);
  expect(pace.waitMs(0)).toBe(0);
  for (let nowMs = 1_000; nowMs < 10_000; nowMs += 100) {
    pace.took(nowMs);
    expect(pace.waitMs(nowMs)).toBe(0);
  }
});

test('what came in one piece above the rate is paid back in full', () => {
  const pace = new SourcePace(10);
  for (let frame = 0; frame < 1_000; frame += 1) pace.took(0);
  expect([pace.waitMs(0), pace.waitMs(98_000), pace.waitMs(99_000)]).toEqual([99_000, 1_000, 0]);
});
