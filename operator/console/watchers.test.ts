import { PassThrough } from 'node:stream';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { consoleMetrics } from './metrics.ts';
import { observation } from './observation.testing.ts';
import type { Sampler } from './sampler.ts';
import { NOTHING_SEEN, type Snapshot, takeSnapshot } from './snapshot.ts';
import { WATCHERS_MAX, Watchers } from './watchers.ts';

const { snapshot } = takeSnapshot(observation(), NOTHING_SEEN);

/** A response that holds one event and then says "wait". */
class Response extends PassThrough {
  status = 0;

  constructor() {
    super({ highWaterMark: 64 });
  }

  writeHead(status: number): this {
    this.status = status;
    return this;
  }
}

function watched() {
  const registry = new Registry();
  const listeners = new Set<(snapshot: Snapshot) => void>();
  const sampler: Pick<Sampler, 'watch'> = {
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const watchers = new Watchers(sampler, consoleMetrics(registry));
  const tell = (times = 1): void => {
    for (let time = 0; time < times; time += 1) for (const listener of [...listeners]) listener(snapshot);
  };
  let made = 0;
  const add = (tokenId?: string): Response => {
    const response = new Response();
    watchers.add(response, { tokenId, headers: {} }, () => {
      made += 1;
      return { name: 'snapshot', data: { number: made, padding: 'x'.repeat(80) } };
    });
    return response;
  };
  const skipped = async (): Promise<string> =>
    await registry.getSingleMetricAsString('pmc_console_updates_skipped_total');
  return { watchers, tell, add, skipped, made: () => made };
}

const textOf = (response: Response): string => String(response.read() ?? '');
const closed = (response: Response): Promise<void> => new Promise((resolve) => response.once('close', resolve));

describe('watchers', () => {
  it('sends one event for each snapshot', () => {
    const { add, tell } = watched();
    const response = add();
    tell();
    const first = textOf(response);
    expect(response.status).toBe(200);
    expect(first).toContain('retry: ');
    expect(first).toContain('event: snapshot\ndata: {"number":1');
  });

  it('skips one that has not read yet, without making what it would not get, and counts it', async () => {
    const { add, tell, made, skipped } = watched();
    const response = add();
    tell(4);
    expect(made()).toBe(1);
    expect(await skipped()).toMatch(/ 3$/m);
    const drained = new Promise((resolve) => response.once('drain', resolve));
    response.resume();
    await drained;
    tell();
    expect(made()).toBe(2);
  });

  it('drops one that never reads, and forgets it', async () => {
    const { add, tell, watchers } = watched();
    const response = add();
    tell(40);
    await closed(response);
    expect(watchers.count).toBe(0);
  });

  it('admits a bounded number', async () => {
    const { add, watchers } = watched();
    const responses = Array.from({ length: WATCHERS_MAX }, () => add());
    expect(watchers.admits()).toBe(false);
    const gone = responses[0]?.destroy();
    if (gone !== undefined) await closed(gone);
    expect(watchers.admits()).toBe(true);
  });

  it('lets those of a token go that has ended, and no others', async () => {
    const { add, watchers } = watched();
    const [own, kept, ended] = [add(), add('T1'), add('T2')];
    const gone = closed(ended);
    ended.resume();
    watchers.dismiss('T2');
    await gone;
    expect(watchers.count).toBe(2);
    expect([own, kept].map(({ writableEnded }) => writableEnded)).toEqual([false, false]);
  });
});
