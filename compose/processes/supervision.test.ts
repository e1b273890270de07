import { expect, test } from 'vitest';
import {
  HEALTHY_AFTER_MS,
  INITIAL,
  type ProcessEvent,
  type ProcessState,
  type Supervision,
  step,
  TRANSITIONS,
} from './supervision.ts';

function after(events: readonly (readonly [ProcessEvent, number])[], from: Supervision = INITIAL): Supervision {
  return events.reduce((state, [event, nowMs]) => step(state, event, nowMs).after, from);
}

const EVENTS: readonly ProcessEvent[] = ['start', 'ready', 'stop', 'exit', 'retry'];

test('every state answers every event, and only a process that exists is ended', () => {
  const withProcess: readonly ProcessState[] = ['starting', 'running', 'stopping'];
  for (const [state, row] of Object.entries(TRANSITIONS)) {
    expect(Object.keys(row).sort()).toEqual([...EVENTS].sort());
    for (const { effect } of Object.values(row)) {
      if (effect === 'terminate') expect(withProcess).toContain(state);
      if (effect === 'launch') expect(withProcess).not.toContain(state);
    }
  }
});

test('a process that ends by itself is started again and counted', () => {
  const running = after([
    ['start', 0],
    ['ready', 10],
  ]);
  const crashed = step(running, 'exit', 20);
  expect(crashed).toMatchObject({ effect: 'schedule', after: { state: 'backoff', restarts: 0, failures: 1 } });
  expect(step(crashed.after, 'retry', 600)).toMatchObject({
    effect: 'launch',
    after: { state: 'starting', restarts: 1 },
  });
});

test('ends in a row add up, and a long run forgives them', () => {
  const thrice = after([
    ['start', 0],
    ['exit', 1],
    ['retry', 2],
    ['exit', 3],
    ['retry', 4],
    ['exit', 5],
  ]);
  expect(thrice.failures).toBe(3);
  const shortRun = after(
    [
      ['retry', 6],
      ['ready', 7],
      ['exit', 7 + HEALTHY_AFTER_MS - 1],
    ],
    thrice,
  );
  expect(shortRun.failures).toBe(4);
  const longRun = after(
    [
      ['retry', 6],
      ['ready', 7],
      ['exit', 7 + HEALTHY_AFTER_MS],
    ],
    thrice,
  );
  expect(longRun.failures).toBe(1);
});

test('a process that was told to stop is not started again', () => {
  const stopping = step(
    after([
      ['start', 0],
      ['ready', 1],
    ]),
    'stop',
    2,
  );
  expect(stopping).toMatchObject({ effect: 'terminate', after: { state: 'stopping' } });
  expect(step(stopping.after, 'exit', 3)).toMatchObject({ effect: 'none', after: { state: 'stopped', failures: 0 } });
});

test('a stop while waiting for the next try cancels the try', () => {
  const waiting = after([
    ['start', 0],
    ['exit', 1],
  ]);
  expect(step(waiting, 'stop', 2)).toMatchObject({ effect: 'cancel', after: { state: 'stopped' } });
  expect(step(step(waiting, 'stop', 2).after, 'retry', 3)).toMatchObject({
    effect: 'none',
    after: { state: 'stopped' },
  });
});

test('a second stop reaches the process again, with its shorter deadline', () => {
  const stopping = after([
    ['start', 0],
    ['stop', 1],
  ]);
  expect(step(stopping, 'stop', 2)).toMatchObject({ effect: 'terminate', after: { state: 'stopping' } });
});
