import { describe, expect, it } from 'vitest';
import { observation } from './observation.testing.ts';
import { Sampler } from './sampler.ts';
import { NOTHING_SEEN, type Snapshot, takeSnapshot } from './snapshot.ts';

/** A sampler whose time passes only when the test lets it. */
function steered() {
  const now = { ms: 0 };
  let taken = 0;
  let goOn: (() => void) | undefined;
  const sampler = new Sampler({
    take: () => {
      taken += 1;
      return Promise.resolve({ ...takeSnapshot(observation(), NOTHING_SEEN).snapshot, sequence: taken });
    },
    clock: { nowMs: () => now.ms },
    pause: (durationMs) =>
      new Promise((resolve) => {
        goOn = () => {
          now.ms += durationMs;
          resolve();
        };
      }),
    intervalMs: 1_000,
    restAfterMs: 30_000,
    onBroken: (error) => {
      throw error;
    },
  });
  const step = async (): Promise<void> => {
    const next = goOn;
    goOn = undefined;
    next?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { sampler, now, step, taken: () => taken };
}

describe('sampler', () => {
  it('takes one sample a turn, however many watch', async () => {
    const { sampler, step, taken } = steered();
    const seen: Snapshot[] = [];
    sampler.watch((snapshot) => seen.push(snapshot));
    sampler.watch((snapshot) => seen.push(snapshot));
    await step();
    await step();
    expect(taken()).toBe(2);
    expect(seen.map(({ sequence }) => sequence)).toEqual([1, 1, 2, 2]);
    sampler.stop();
  });

  it('gives the present sample to many that ask at the same time', async () => {
    const { sampler, taken } = steered();
    const all = await Promise.all([sampler.latest(), sampler.latest(), sampler.latest()]);
    expect(all.map(({ sequence }) => sequence)).toEqual([1, 1, 1]);
    expect(taken()).toBe(1);
    sampler.stop();
  });

  it('rests 30 s after the last look, and a look then brings a new sample, not the kept one', async () => {
    const { sampler, now, step, taken } = steered();
    expect((await sampler.latest()).sequence).toBe(1);
    for (let turn = 0; turn < 40; turn += 1) await step();
    expect(sampler.isResting).toBe(true);
    expect(now.ms).toBe(31_000);
    const before = taken();
    now.ms += 600_000;
    expect((await sampler.latest()).sequence).toBe(before + 1);
    sampler.stop();
  });

  it('does not rest while somebody watches', async () => {
    const { sampler, step } = steered();
    const unwatch = sampler.watch(() => undefined);
    for (let turn = 0; turn < 60; turn += 1) await step();
    expect(sampler.isResting).toBe(false);
    unwatch();
    for (let turn = 0; turn < 40; turn += 1) await step();
    expect(sampler.isResting).toBe(true);
  });

  it('ends when it is stopped', async () => {
    const { sampler, step } = steered();
    sampler.watch(() => undefined);
    await step();
    sampler.stop();
    await step();
    expect(sampler.isResting).toBe(true);
  });
});
