import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { PlannedOutage } from './outage-plan.ts';
import type { OutageLine } from './outage-record.ts';
import { type OutageTarget, partTarget, runOutages } from './run-outages.ts';

const outage = (atMs: number, target: string, more: Partial<PlannedOutage> = {}): PlannedOutage => {
  return { atMs, forMs: 5, target, outage: 'kill', ...more };
};
const clock = { nowMs: () => performance.now() };
const about = { run: 'a-run', seed: 1, clock, signal: new AbortController().signal };

function recorder({ fail, healMs = 0 }: { fail?: string; healMs?: number } = {}) {
  const seen: string[] = [];
  const target: OutageTarget = {
    begin: async (name) => {
      if (fail !== undefined) throw new Error(fail);
      seen.push(`begin ${name}`);
    },
    heal: async (name) => {
      await sleep(healMs);
      seen.push(`heal ${name}`);
    },
  };
  return { seen, target };
}

test('a plan that is carried out is valid, each outage begun and healed, and recorded', async () => {
  const { seen, target } = recorder();
  const plan = [outage(0, 'a'), outage(20, 'a', { outage: 'freeze' })];
  const lines: OutageLine[] = [];
  const run = await runOutages({ ...about, plan, targets: { a: target }, record: (line) => lines.push(line) });
  expect(run).toMatchObject({ planned: 2, fired: 2, failed: [], problems: [], isValid: true });
  expect(seen).toEqual(['begin kill', 'heal kill', 'begin freeze', 'heal freeze']);
  expect(lines.map(({ line }) => line)).toEqual(['plan', 'begun', 'fired', 'begun', 'fired']);
});

test('an outage whose target still recovers from the one before waits for it', async () => {
  const { seen, target } = recorder({ healMs: 60 });
  const plan = [outage(0, 'a'), outage(10, 'a', { outage: 'freeze' }), outage(10, 'b', { outage: 'restart' })];
  const run = await runOutages({ ...about, plan, targets: { a: target, b: recorder().target } });
  expect(seen).toEqual(['begin kill', 'heal kill', 'begin freeze', 'heal freeze']);
  expect(run.isValid).toBe(true);
  const begun = Object.fromEntries(run.happened.map(({ fault, begunMs }) => [fault, begunMs]));
  expect(begun['a_frozen']).toBeGreaterThan(50);
});

test('an outage that fails, has no target or cannot happen to it makes the run invalid, and is named', async () => {
  const good = recorder();
  const nothing = { begin: () => undefined, heal: () => undefined };
  const plan = [
    outage(0, 'good'),
    outage(0, 'bad'),
    outage(0, 'nobody'),
    outage(0, 'link'),
    outage(0, 'own', { outage: 'cut' }),
  ];
  const targets = {
    good: good.target,
    bad: recorder({ fail: 'it has ended' }).target,
    link: partTarget({ link: nothing }),
    own: partTarget({ process: nothing }),
  };
  const run = await runOutages({ ...about, plan, targets });
  expect(run).toMatchObject({ planned: 5, fired: 1, isValid: false });
  expect(run.happened.map(({ target }) => target)).toEqual(['good']);
  expect(run.failed.map(({ error }) => error).toSorted()).toEqual([
    'cut cannot happen to a process',
    'it has ended',
    'kill cannot happen to a link',
    'there is no target nobody',
  ]);
});

test('one firing that does not come makes the run invalid', async () => {
  const { target } = recorder();
  const plan = [outage(0, 'a'), outage(5, 'a', { outage: 'freeze' })];
  const lost: OutageTarget = {
    ...target,
    begin: (name) => (name === 'freeze' ? Promise.reject(new Error('no')) : target.begin(name)),
  };
  const run = await runOutages({ ...about, plan, targets: { a: lost } });
  expect(run).toMatchObject({ planned: 2, fired: 1, isValid: false });
  expect(run.problems).toContain('a_frozen at 5 ms happened 0 times');
});

test('a run that is ended early heals what has begun, and is invalid, also when only the last outage was cut short', async () => {
  for (const later of [[outage(3_700_000, 'a', { outage: 'freeze' })], []]) {
    const { seen, target } = recorder();
    const ending = new AbortController();
    const plan = [outage(0, 'a', { forMs: 3_600_000 }), ...later];
    const running = runOutages({ ...about, plan, targets: { a: target }, signal: ending.signal });
    await vi.waitFor(() => expect(seen).toEqual(['begin kill']), 20_000);
    ending.abort();
    expect(await running).toMatchObject({ planned: plan.length, isValid: false });
    expect(seen).toEqual(['begin kill', 'heal kill']);
  }
});
