import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PacedReading } from './paced-reading.ts';

const TEN_A_SECOND = 10;

let nowMs: number;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  [nowMs, told] = [0, []];
});

afterEach(() => {
  vi.useRealTimers();
});

function reading(rate: number): PacedReading {
  const wire = {
    pause: (reason: string) => void told.push(`${nowMs} pause ${reason}`),
    resume: (reason: string) => void told.push(`${nowMs} resume ${reason}`),
  };
  const paced = PacedReading.of(wire, rate, { nowMs: () => nowMs });
  if (paced === undefined) throw new Error('a rate paces');
  return paced;
}

function pass(ms: number): void {
  for (let gone = 0; gone < ms; gone += 100) {
    nowMs += 100;
    vi.advanceTimersByTime(100);
  }
}

function took(paced: PacedReading, frames: number): void {
  told.length = 0;
  for (let count = 0; count < frames; count += 1) paced.took();
}

test('who is above the rate is paused for as long as the frames beyond it take, and read again then', () => {
  const paced = reading(TEN_A_SECOND);
  took(paced, 10);
  expect(told.filter((one) => one.includes('pause'))).toEqual([]);
  took(paced, 5);
  expect(told).toEqual(['0 pause rate']);
  pass(2_000);
  expect(told.filter((one) => one.includes('resume'))).toEqual(['500 resume rate']);
  expect(vi.getTimerCount()).toBe(0);
});

test('what still comes while it is paused is paid back by a longer pause', () => {
  const paced = reading(TEN_A_SECOND);
  took(paced, 11);
  pass(50);
  paced.took();
  paced.took();
  pass(2_000);
  expect(told.filter((one) => one.includes('resume')).at(-1)).toBe('300 resume rate');
});

test('without a rate nobody is paused', () => {
  const wire = { pause: () => undefined, resume: () => undefined };
  expect(PacedReading.of(wire, undefined, { nowMs: () => nowMs })).toBeUndefined();
});
