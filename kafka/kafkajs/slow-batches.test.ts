import { beforeEach, describe, expect, test, vi } from 'vitest';
import { SlowBatches } from './slow-batches.ts';

const OF = { topic: 't', partition: 3 };

let slow: SlowBatches;
let told: string[];

beforeEach(() => {
  slow = new SlowBatches();
  told = [];
});

interface Begun {
  readonly through: Promise<void>;
  readonly finish: () => void;
  readonly fail: () => void;
}

function begin(): Begun {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tell = (what: string) => (): void => void told.push(what);
  const through = slow.handledOrLeft({ of: OF, handled: promise, hold: tell('hold'), release: tell('release') });
  return { through, finish: () => resolve(), fail: () => reject(new Error('failed')) };
}

describe('a batch', () => {
  test('that is handled soon holds nothing', async () => {
    const { through, finish } = begin();
    finish();
    await through;
    expect(told).toEqual([]);
  });

  test('that fails soon fails for whoever fetched it', async () => {
    const { through, fail } = begin();
    fail();
    await expect(through).rejects.toThrow('failed');
    expect(told).toEqual([]);
  });

  test('that takes long is left, and its partition held until it is through', async () => {
    const { through, finish } = begin();
    await through;
    expect([told, slow.isLeft(OF), slow.isLeft({ ...OF, partition: 4 })]).toEqual([['hold'], true, false]);
    finish();
    await slow.stop();
    expect([told, slow.isLeft(OF)]).toEqual([['hold', 'release'], false]);
  });

  test('that fails after it was left comes again, but not at once', async () => {
    const { through, fail } = begin();
    await through;
    fail();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['hold']);
    expect([slow.takeFailure(), slow.takeFailure()]).toEqual([new Error('failed'), undefined]);
    await vi.waitFor(() => expect(told).toEqual(['hold', 'release']), { timeout: 20_000 });
  });

  test('that was left is waited for by a stop', async () => {
    const { through, finish } = begin();
    await through;
    let isStopped = false;
    const stopping = slow.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    finish();
    await stopping;
  });
});
