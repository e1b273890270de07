import { beforeEach, describe, expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { Health } from '../../service/health.ts';
import { LogState } from './log-state.ts';

const UNREACHABLE = new PmcError('PMC_KAFKA_UNREACHABLE', 'no broker answers');
const [FIRST, SECOND] = [
  { topic: 'pmc.messages.incoming', partition: 0 },
  { topic: 'pmc.sources', partition: 3 },
];
const TICK_MS = 1_000;

let nowMs: number;
let said: number;
let health: Health;
let state: LogState;

const detail = (): string | undefined => health.report().checks['log']?.detail;

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

describe('the log is away', () => {
  test('from an append without an answer until the next one to that partition has an outcome', () => {
    state.appended(FIRST, 'unknown');
    expect([state.isAway, health.ready]).toEqual([true, false]);
    state.appended(FIRST, 'rejected');
    expect([state.isAway, health.ready]).toEqual([false, true]);
  });

  test('while one partition alone takes nothing, whatever the others do and whoever connects', () => {
    state.appended(FIRST, 'unknown');
    state.appended(SECOND, 'acked');
    state.connection(undefined);
    expect([state.isAway, health.ready]).toEqual([true, false]);
    expect(detail()).toContain('pmc.messages.incoming-0');
    state.appended(SECOND, 'unknown');
    state.appended(FIRST, 'acked');
    expect([state.isAway, detail()]).toEqual([true, expect.not.stringContaining('pmc.messages.incoming')]);
    state.appended(SECOND, 'acked');
    expect([state.isAway, health.ready]).toEqual([false, true]);
  });

  test('while there is no connection, and says why', () => {
    state.connection(UNREACHABLE);
    expect([state.isAway, detail()]).toEqual([true, expect.stringContaining('no broker answers')]);
    // What was on its way over the connection before.
    state.appended(FIRST, 'acked');
    expect([state.isAway, health.ready]).toEqual([true, false]);
    state.connection(undefined);
    expect([state.isAway, health.ready]).toEqual([false, true]);
  });

  test('names a few of the partitions, and how many more there are', () => {
    for (let partition = 0; partition < 50; partition += 1) state.appended({ ...FIRST, partition }, 'unknown');
    expect(detail()).toMatch(/incoming-0, .*incoming-1, .* and 4\d more/);
    expect(detail()?.length).toBeLessThan(200);
  });

  test('for all of ten minutes in which it is reached and takes nothing, and peers are told every few seconds', () => {
    const [failMs, reconnectMs, untilMs] = [6_400, 150, nowMs + 600_000];
    let [readyMs, failsAtMs, connectsAtMs] = [0, nowMs, Number.POSITIVE_INFINITY];
    for (; nowMs < untilMs; nowMs += 50) {
      if (nowMs >= failsAtMs) {
        state.appended(FIRST, 'unknown');
        [connectsAtMs, failsAtMs] = [nowMs + reconnectMs, nowMs + failMs];
      }
      if (nowMs >= connectsAtMs) {
        state.connection(undefined);
        connectsAtMs = Number.POSITIVE_INFINITY;
      }
      // Another partition is well.
      if (nowMs % 500 === 0) state.appended(SECOND, 'acked');
      // Never in the moment between an append that failed and the new connection.
      if (nowMs % TICK_MS === 800) state.tick();
      if (health.ready) readyMs += 50;
    }
    expect(readyMs).toBe(0);
    expect(said).toBe(120);
  });
});

test('peers are told at once, and then every few seconds, also when the log comes and goes', () => {
  state.tick();
  expect(said).toBe(0);
  state.appended(FIRST, 'unknown');
  state.tick();
  expect(said).toBe(1);
  for (let second = 0; second < 10; second += 1) {
    nowMs += 1_000;
    state.appended(FIRST, 'acked');
    state.appended(FIRST, 'unknown');
    state.tick();
  }
  expect(said).toBe(3);
});
