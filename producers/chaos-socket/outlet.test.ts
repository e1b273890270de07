import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AT_ONCE } from './delivery.ts';
import { Outlet, type OutletOptions } from './outlet.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open(options: Partial<OutletOptions<string>> = {}) {
  const written: string[] = [];
  const dropped: string[] = [];
  const outlet = new Outlet<string>({
    write: (frame) => {
      written.push(frame);
      return 0;
    },
    sizeOf: (frame) => frame.length,
    onDropped: (frame, reason) => dropped.push(`${frame} ${reason}`),
    framesMax: 5,
    bytesMax: 100,
    ...options,
  });
  return { outlet, written, dropped };
}

test('frames go at once, or after their time', () => {
  const { outlet, written } = open();
  outlet.put('late', { afterMs: 50 });
  outlet.put('now', AT_ONCE);
  vi.advanceTimersByTime(49);
  expect(written).toEqual(['now']);
  vi.advanceTimersByTime(1);
  expect([written, outlet.waiting]).toEqual([['now', 'late'], 0]);
});

test('an overtaken frame goes behind so many others, or when its time is up', () => {
  const { outlet, written } = open();
  outlet.put('a', { behindFrames: 2, atMostMs: 1_000 });
  for (const frame of ['b', 'c', 'd']) outlet.put(frame, AT_ONCE);
  expect(written).toEqual(['b', 'c', 'a', 'd']);
  outlet.put('e', { behindFrames: 2, atMostMs: 1_000 });
  vi.advanceTimersByTime(1_000);
  expect([written.at(-1), outlet.waiting]).toEqual(['e', 0]);
});

test('a hold keeps everything back, in order, and also what comes due meanwhile', () => {
  const { outlet, written } = open();
  outlet.put('timed', { afterMs: 10 });
  outlet.hold(100);
  for (const frame of ['a', 'b']) outlet.put(frame, AT_ONCE);
  vi.advanceTimersByTime(99);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect([written, outlet.waiting]).toEqual([['a', 'b', 'timed'], 0]);
});

test('a busy line makes the others wait until it is free', () => {
  const written: string[] = [];
  const { outlet } = open({
    write: (frame) => {
      written.push(frame);
      return frame === 'slow' ? 30 : 0;
    },
  });
  for (const frame of ['slow', 'a', 'slow', 'b']) outlet.put(frame, AT_ONCE);
  expect(written).toEqual(['slow']);
  vi.advanceTimersByTime(30);
  expect(written).toEqual(['slow', 'a', 'slow']);
  vi.advanceTimersByTime(30);
  expect(written).toEqual(['slow', 'a', 'slow', 'b']);
});

test('a shorter hold does not end a longer one: a line that is busy stays busy', () => {
  const { outlet, written } = open();
  outlet.hold(100);
  outlet.put('a', AT_ONCE);
  outlet.hold(10);
  vi.advanceTimersByTime(99);
  expect(written).toEqual([]);
  outlet.hold(50);
  vi.advanceTimersByTime(49);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual(['a']);
});

test('it holds so many frames and bytes and no more; what does not fit is dropped by name', () => {
  const { outlet, written, dropped } = open();
  outlet.hold(10);
  for (let n = 1; n <= 7; n++) outlet.put(`${n}`, AT_ONCE);
  expect(dropped).toEqual(['6 buffer-full', '7 buffer-full']);
  vi.advanceTimersByTime(10);
  expect(written).toEqual(['1', '2', '3', '4', '5']);
  outlet.hold(10);
  outlet.put('x'.repeat(101), AT_ONCE);
  expect(dropped).toHaveLength(3);
});

test.for([true, false])('closing drops what waits, wherever it waits, and takes no more (held: %s)', (isHeld) => {
  const { outlet, written, dropped } = open();
  outlet.put('timed', { afterMs: 10 });
  outlet.put('overtaken', { behindFrames: 1, atMostMs: 10 });
  if (isHeld) outlet.hold(10);
  outlet.put('held', isHeld ? AT_ONCE : { afterMs: 1_000 });
  outlet.close();
  outlet.put('after', AT_ONCE);
  vi.advanceTimersByTime(1_000);
  expect(written).toEqual([]);
  expect(dropped.toSorted()).toEqual(['after closed', 'held closed', 'overtaken closed', 'timed closed']);
});
