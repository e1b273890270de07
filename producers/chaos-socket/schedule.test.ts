import { expect, test } from 'vitest';
import type { PlannedEvent } from './generator.ts';
import { Schedule, type ScheduleLimits } from './schedule.ts';

const LIMITS: ScheduleLimits = { portionMax: 1_000, lateAfterMs: 5_000 };

function* every(gapMs: number): Generator<PlannedEvent, never, void> {
  for (let n = 0; ; n++) yield { kind: 'presence', n, atMs: (n + 1) * gapMs, actor: 0, status: 'online' };
}

function runTo(schedule: Schedule<PlannedEvent>, nowMs: number) {
  const emitted: { name: string; n: number; isLate: boolean }[] = [];
  const isMoreDue = schedule.run(nowMs, (name, { event, isLate }) => emitted.push({ name, n: event.n, isLate }));
  return { emitted, isMoreDue };
}

test('what is due is emitted once and in order, however seldom one looks', () => {
  const schedule = new Schedule<PlannedEvent>(LIMITS);
  schedule.begin('a', every(10), 1_000);
  expect(runTo(schedule, 1_009).emitted).toEqual([]);
  expect(runTo(schedule, 1_010).emitted.map(({ n }) => n)).toEqual([0]);
  expect(runTo(schedule, 1_045).emitted.map(({ n }) => n)).toEqual([1, 2, 3]);
  expect(runTo(schedule, 1_045).emitted).toEqual([]);
});

test('it says how long nothing will be due, over all streams', () => {
  const schedule = new Schedule<PlannedEvent>(LIMITS);
  expect(schedule.idleMs(0)).toBeUndefined();
  schedule.begin('slow', every(1_000), 0);
  schedule.begin('fast', every(30), 0);
  expect(schedule.idleMs(10)).toBe(20);
  expect(schedule.idleMs(100)).toBe(0);
  schedule.end('fast');
  expect(schedule.idleMs(10)).toBe(990);
});

test('a portion is bounded, says that more is due, and the next one goes on where it ended', () => {
  const schedule = new Schedule<PlannedEvent>({ ...LIMITS, portionMax: 100 });
  schedule.begin('a', every(1), 0);
  const first = runTo(schedule, 150);
  const second = runTo(schedule, 150);
  expect([first.emitted.length, first.isMoreDue]).toEqual([100, true]);
  expect([second.emitted.length, second.isMoreDue]).toEqual([50, false]);
  expect(second.emitted[0]?.n).toBe(100);
});

test('events older than the limit are marked late, none is left out', () => {
  const schedule = new Schedule<PlannedEvent>(LIMITS);
  schedule.begin('a', every(1_000), 0);
  const { emitted } = runTo(schedule, 10_000);
  expect(emitted).toHaveLength(10);
  expect(emitted.filter(({ isLate }) => isLate).map(({ n }) => n)).toEqual([0, 1, 2, 3]);
});

test('an ended stream emits nothing more; a plan with an end stops there', () => {
  const schedule = new Schedule<PlannedEvent>({ ...LIMITS, untilMs: 30 });
  schedule.begin('a', every(10), 0);
  schedule.begin('b', every(10), 0);
  schedule.end('b');
  expect(runTo(schedule, 1_000).emitted.map(({ name, n }) => `${name}${n}`)).toEqual(['a0', 'a1']);
  expect(schedule.idleMs(1_000)).toBeUndefined();
});
