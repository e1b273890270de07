import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PlannedOutage } from './outage-plan.ts';
import { linkTarget, type OutageTarget, processTarget, runOutages } from './run-outages.ts';

const outage = (atMs: number, target: string, more: Partial<PlannedOutage> = {}): PlannedOutage => {
  return { atMs, forMs: 5, target, outage: 'kill', ...more };
};
const clock = { nowMs: () => Date.now() };
const never = new AbortController().signal;
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function recorder(fail?: string) {
  const seen: string[] = [];
  const target: OutageTarget = {
    begin: async (name) => {
      if (fail !== undefined) throw new Error(fail);
      seen.push(`begin ${name}`);
    },
    heal: async (name) => void seen.push(`heal ${name}`),
  };
  return { seen, target };
}

test('a plan that is carried out is valid, each outage begun and healed, and recorded', async () => {
  const { seen, target } = recorder();
  const plan = [outage(0, 'a'), outage(1, 'a', { outage: 'freeze' })];
  const recorded: string[] = [];
  const run = await runOutages({
    ...{ plan, targets: { a: target }, clock, signal: never },
    onFired: (fired) => recorded.push(fired.outage),
  });
  expect(run).toMatchObject({ planned: 2, failed: [], isValid: true });
  expect(seen.toSorted()).toEqual(['begin freeze', 'begin kill', 'heal freeze', 'heal kill']);
  expect(recorded.toSorted()).toEqual(['freeze', 'kill']);
});

test('an outage that fails, has no target or cannot happen to it makes the run invalid, and is named', async () => {
  const good = recorder();
  const bad = recorder('it has ended');
  const link = linkTarget({ begin: () => undefined, heal: () => undefined });
  const own = processTarget({ begin: async () => undefined, heal: async () => undefined });
  const plan = [
    outage(0, 'good'),
    outage(0, 'bad'),
    outage(0, 'nobody'),
    outage(0, 'link'),
    outage(0, 'own', { outage: 'cut' }),
  ];
  const targets = { good: good.target, bad: bad.target, link, own };
  const run = await runOutages({ plan, targets, clock, signal: never });
  expect(run).toMatchObject({ planned: 5, isValid: false });
  expect(run.fired.map(({ target }) => target)).toEqual(['good']);
  expect(run.failed.map(({ error }) => error).toSorted()).toEqual([
    'cut cannot happen to a process',
    'it has ended',
    'kill cannot happen to a link',
    'there is no target nobody',
  ]);
});

test('a run that is ended early heals what has begun, and is invalid', async () => {
  const { seen, target } = recorder();
  const ending = new AbortController();
  const plan = [outage(0, 'a', { forMs: 3_600_000 }), outage(3_600_000, 'a')];
  const running = runOutages({ plan, targets: { a: target }, clock, signal: ending.signal });
  await vi.waitFor(() => expect(seen).toEqual(['begin kill']));
  ending.abort();
  expect(await running).toMatchObject({ planned: 2, isValid: false });
  expect(seen).toEqual(['begin kill', 'heal kill']);
});
