import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Address } from './address.ts';
import { LookupsBusyError, NameLookups } from './names.ts';

const FOUND: readonly Address[] = [{ address: '192.0.2.1', family: 4 }];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The operating system's lookups: of some names until they are told to end, and in order. */
class Lookups {
  readonly begun: string[] = [];
  readonly hanging = new Map<string, PromiseWithResolvers<readonly Address[]>>();
  readonly names = new NameLookups(async (host) => {
    this.begun.push(host);
    if (!host.startsWith('dead')) return FOUND;
    const lookup = Promise.withResolvers<readonly Address[]>();
    this.hanging.set(host, lookup);
    return await lookup.promise;
  });

  /** What becomes of one that is asked for now. */
  ask(host: string): { result: unknown } {
    const asked: { result: unknown } = { result: undefined };
    this.names.resolve(host).then(
      (found) => (asked.result = found),
      (error: unknown) => (asked.result = error),
    );
    return asked;
  }

  giveUp(host: string): void {
    this.hanging.get(host)?.reject(new Error('EAI_AGAIN'));
  }
}

const BUSY = expect.any(LookupsBusyError) as unknown;

it('looks a name up once for all who ask meanwhile, and another one beside it', async () => {
  const lookups = new Lookups();
  const asked = [1, 2, 3, 4].map(() => lookups.ask('dead'));
  const other = lookups.ask('alive');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(other.result).toEqual(FOUND);
  expect(asked.map(({ result }) => result)).toEqual([1, 2, 3, 4].map(() => undefined));
  lookups.ask('dead');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(lookups.begun).toEqual(['dead', 'alive']);
  lookups.hanging.get('dead')?.resolve(FOUND);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.map(({ result }) => result)).toEqual([1, 2, 3, 4].map(() => FOUND));
});

it('begins with a name that hung before only where no other one hangs, and says so at once', async () => {
  const lookups = new Lookups();
  lookups.ask('dead 1');
  lookups.ask('dead 2');
  await vi.advanceTimersByTimeAsync(2_000);
  // Both threads are taken.
  const third = lookups.ask('alive');
  await vi.advanceTimersByTimeAsync(0);
  expect(third.result).toEqual(BUSY);
  lookups.giveUp('dead 1');
  await vi.advanceTimersByTimeAsync(0);
  const again = lookups.ask('dead 1');
  const alive = lookups.ask('alive');
  await vi.advanceTimersByTimeAsync(0);
  expect([again.result, alive.result]).toEqual([BUSY, FOUND]);
  lookups.giveUp('dead 2');
  await vi.advanceTimersByTimeAsync(0);
  lookups.ask('dead 1');
  await vi.advanceTimersByTimeAsync(2_000);
  expect(lookups.begun).toEqual(['dead 1', 'dead 2', 'alive', 'dead 1']);
});

it('holds nothing against a name that was found late, or is not there', async () => {
  const lookups = new Lookups();
  lookups.ask('dead but found');
  await vi.advanceTimersByTimeAsync(2_000);
  lookups.hanging.get('dead but found')?.resolve(FOUND);
  const unknown = lookups.ask('dead');
  await vi.advanceTimersByTimeAsync(0);
  lookups.giveUp('dead');
  await vi.advanceTimersByTimeAsync(0);
  expect(unknown.result).toEqual(new Error('EAI_AGAIN'));
  lookups.ask('dead for long');
  await vi.advanceTimersByTimeAsync(2_000);
  for (const host of ['dead', 'dead but found']) {
    lookups.ask(host);
    await vi.advanceTimersByTimeAsync(0);
    lookups.giveUp(host);
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(lookups.begun).toEqual(['dead but found', 'dead', 'dead for long', 'dead', 'dead but found']);
});
