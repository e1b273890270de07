import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { answeredWithin } from './in-time.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('an answer in time is the answer, also where it is an error', async () => {
  expect(await answeredWithin(1_000, Promise.resolve(5))).toBe(5);
  await expect(answeredWithin(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

test('a log that does not answer in time is away, and what it says later is heard by nobody', async () => {
  const late = Promise.withResolvers<number>();
  const asked = answeredWithin(1_000, late.promise);
  const told = expect(asked).rejects.toMatchObject({ code: 'PMC_KAFKA_UNREACHABLE' });
  await vi.advanceTimersByTimeAsync(1_000);
  await told;
  late.reject(new Error('too late'));
});
