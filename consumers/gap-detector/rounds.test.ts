import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { repeatRounds } from './rounds.ts';

beforeEach(() => {
  // The pause between two rounds is of the real clock.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a round that takes long says so until it ends, and the next one begins', async () => {
  const stopping = new AbortController();
  const slow: number[] = [];
  const failed: unknown[] = [];
  const done: number[] = [];
  let beganMs = 0;
  const rounds: PromiseWithResolvers<void>[] = [];
  const ended = repeatRounds({
    intervalMs: 1,
    slowMs: 1_000,
    signal: stopping.signal,
    round: () => {
      beganMs = performance.now();
      const round = Promise.withResolvers<void>();
      rounds.push(round);
      return round.promise;
    },
    onSlow: (tookMs) => slow.push(Math.round(tookMs)),
    onDone: (tookMs) => done.push(tookMs),
    onFailed: (error) => failed.push(error),
  });

  await vi.advanceTimersByTimeAsync(2_500);
  expect([rounds.length, slow]).toEqual([1, [1_000, 2_000]]);
  rounds[0]?.reject('no answer');
  await vi.waitFor(() => expect(rounds).toHaveLength(2));
  expect(failed).toEqual(['no answer']);
  // Its time is its own.
  await vi.advanceTimersByTimeAsync(900);
  expect(slow).toHaveLength(2);

  const tookMs = performance.now() - beganMs;
  stopping.abort();
  rounds[1]?.resolve();
  await ended;
  // Of the failed one nobody knows how long it would have taken.
  expect(done).toEqual([tookMs]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([rounds.length, slow.length]).toEqual([2, 2]);
});
