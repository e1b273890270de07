// How long a reader has been silent, which says whether its service is ready.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../service/logger.ts';
import { Reading } from './reading.ts';

const HOUR_MS = 3_600_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const none = () => Promise.resolve(new Map<number, never>());

function reading(): Reading {
  const admin = { topics: () => Promise.resolve([]), committed: none, ends: none };
  const options = { groupId: 'g', topics: [], batchRecordsMax: 1, admin, logger: createLogger('test', 'silent') };
  return new Reading({ ...options, handleBatch: () => Promise.resolve(), onFatal: () => undefined });
}

test.for([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
] as const)('it is known how long a reader has been silent, also behind a clock that is set %s', ([, movedMs]) => {
  const one = reading();
  expect(one.silentMs).toBeUndefined();
  one.progressed();
  vi.setSystemTime(Date.now() + movedMs);
  vi.advanceTimersByTime(20_000);
  expect(one.silentMs).toBe(20_000);
  one.progressed();
  expect(one.silentMs).toBe(0);
});
