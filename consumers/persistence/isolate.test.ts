import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isolate } from './isolate.ts';

class DataError extends Error {}

/** A store that refuses parts holding a bad item. */
function storeRefusing(bad: ReadonlySet<number>) {
  const written: number[] = [];
  const refused: number[] = [];
  let attempts = 0;
  return {
    written,
    refused,
    attempts: () => attempts,
    isolation: {
      attempt: (part: readonly number[]): Promise<void> => {
        attempts += 1;
        if (part.some((item) => bad.has(item))) return Promise.reject(new DataError());
        written.push(...part);
        return Promise.resolve();
      },
      isDataError: (error: unknown) => error instanceof DataError,
      refuse: (item: number) => void refused.push(item),
    },
  };
}

test('whichever items are bad: exactly those are refused, all others written once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.array(fc.nat(59)), async (count, bad) => {
      const items = Array.from({ length: count }, (_, index) => index);
      const store = storeRefusing(new Set(bad));
      await isolate(items, store.isolation);
      expect(store.refused).toEqual(items.filter((item) => bad.includes(item)));
      expect(store.written).toEqual(items.filter((item) => !bad.includes(item)));
    }),
  );
});

test('one bad record of 1,000 takes about two attempts a halving', async () => {
  const store = storeRefusing(new Set([700]));
  await isolate(
    Array.from({ length: 1_000 }, (_, index) => index),
    store.isolation,
  );
  expect(store.refused).toEqual([700]);
  expect(store.attempts()).toBeLessThanOrEqual(22);
});

test('an item that fails alone once and then succeeds is not refused', async () => {
  let failures = 2;
  const written: number[] = [];
  await isolate([1], {
    attempt: (part) => {
      failures -= 1;
      if (failures > 0) return Promise.reject(new DataError());
      written.push(...part);
      return Promise.resolve();
    },
    isDataError: () => true,
    refuse: () => expect.unreachable(),
  });
  expect(written).toEqual([1]);
});

test('an error that is nobody’s fault ends the whole', async () => {
  const gone = new Error('connection lost');
  const isolation = { ...storeRefusing(new Set()).isolation, attempt: () => Promise.reject(gone) };
  await expect(isolate([1, 2], isolation)).rejects.toBe(gone);
});

test('refusing may end the whole', async () => {
  const store = storeRefusing(new Set([0, 1, 2, 3]));
  const systemic = new Error('systemic');
  const refuse = (): void => {
    throw systemic;
  };
  await expect(isolate([0, 1, 2, 3], { ...store.isolation, refuse })).rejects.toBe(systemic);
});
