import { expect, test } from 'vitest';
import { postponementMs } from './postponement.ts';

const PATIENCE = { lowestMs: 60, highestMs: 3_600, wholeMs: 10_000 };

test('pauses grow with what has passed, up to a limit, and end in time', () => {
  const times: number[] = [];
  let nowMs = 1;
  for (
    let delayMs = postponementMs(nowMs, PATIENCE);
    delayMs !== undefined;
    delayMs = postponementMs(nowMs, PATIENCE)
  ) {
    times.push(delayMs);
    nowMs += delayMs;
  }
  expect(times).toEqual([60, 61, 122, 244, 488, 976, 1_952, 3_600]);
  expect(nowMs).toBeLessThanOrEqual(PATIENCE.wholeMs);
});

test('a clock that went back gives the shortest pause', () => {
  expect(postponementMs(-5_000, PATIENCE)).toBe(60);
});
