import { expect, test } from 'vitest';
import { parseRegister, type RegisterEntry, STAGES, survivors } from './process-register.ts';

const entry = (pid: number, startTime: string): RegisterEntry => ({
  name: `p${pid}`,
  stage: 'service',
  pid,
  startTime,
  stopSignal: 'SIGTERM',
});

test('only a process with the recorded pid and the recorded start time is ours', () => {
  const entries = [entry(10, 'a'), entry(11, 'b'), entry(12, 'c')];
  const running = new Map([
    [10, 'a'],
    [11, 'somebody else'],
  ]);
  expect(survivors(entries, (pid) => running.get(pid)).map(({ pid }) => pid)).toEqual([10]);
});

test('whoever uses something is ended before what it uses', () => {
  const order = (stage: (typeof STAGES)[number]): number => STAGES.indexOf(stage);
  expect(order('service')).toBeLessThan(order('registry'));
  expect(order('registry')).toBeLessThan(order('kafka'));
  expect(order('kafka')).toBeLessThan(order('postgres'));
});

test('a register that is damaged or names an impossible pid is refused as a whole', () => {
  const good = JSON.stringify({ processes: [entry(10, 'a')] });
  expect(parseRegister(good)).toHaveLength(1);
  expect(() => parseRegister(good.slice(0, -5))).toThrow();
  // kill(0) and kill(-1) would reach far more than one process.
  expect(() => parseRegister(JSON.stringify({ processes: [entry(0, 'a')] }))).toThrow();
  expect(() => parseRegister(JSON.stringify({ processes: [entry(-1, 'a')] }))).toThrow();
});
