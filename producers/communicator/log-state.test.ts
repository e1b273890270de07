import { beforeEach, expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { Health } from '../../service/health.ts';
import { LogState } from './log-state.ts';

let nowMs: number;
let said: number;
let health: Health;
let state: LogState;

beforeEach(() => {
  nowMs = 1_000;
  said = 0;
  health = new Health();
  state = new LogState({
    health,
    clock: { nowMs: () => nowMs },
    onAway: () => {
      said += 1;
    },
  });
});

test('an append without an answer says that the log is away, one that is answered that it is back', () => {
  state.appended('unknown');
  expect([state.isAway, health.ready]).toEqual([true, false]);
  state.appended('rejected');
  expect([state.isAway, health.ready]).toEqual([false, true]);
});

test('a connection that is lost is said with its reason', () => {
  state.connection(new PmcError('PMC_KAFKA_UNREACHABLE', 'no broker answers'));
  expect(health.report().checks['log']?.detail).toContain('no broker answers');
  state.connection(undefined);
  expect(health.ready).toBe(true);
});

test('peers are told at once, and then every few seconds, also when the log comes and goes', () => {
  state.tick();
  expect(said).toBe(0);
  state.appended('unknown');
  state.tick();
  expect(said).toBe(1);
  for (let second = 0; second < 10; second += 1) {
    nowMs += 1_000;
    state.appended('acked');
    state.appended('unknown');
    state.tick();
  }
  expect(said).toBe(3);
});
