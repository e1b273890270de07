import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UnheardMember } from './unheard-member.ts';

const LOOK_MS = 2_000;
let assignment: object | undefined;
let told: number;
let watch: UnheardMember;

beforeEach(() => {
  vi.useFakeTimers();
  [assignment, told] = [{}, 0];
  const reading = {
    get assignment() {
      return assignment;
    },
  };
  watch = new UnheardMember(reading, () => {
    told += 1;
  });
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

test('a member that nobody hears is told of, and again as long as that is so', () => {
  vi.advanceTimersByTime(10 * LOOK_MS);
  expect(told).toBe(0);
  vi.advanceTimersByTime(LOOK_MS);
  expect(told).toBe(1);
  vi.advanceTimersByTime(11 * LOOK_MS);
  expect(told).toBe(2);
});

test('not one that is heard now and then, one that is none, or one that is stopped', () => {
  for (let beat = 0; beat < 5; beat += 1) {
    vi.advanceTimersByTime(10 * LOOK_MS);
    watch.heard();
  }
  assignment = undefined;
  vi.advanceTimersByTime(20 * LOOK_MS);
  assignment = {};
  vi.advanceTimersByTime(10 * LOOK_MS);
  watch.stop();
  vi.advanceTimersByTime(20 * LOOK_MS);
  expect(told).toBe(0);
});
