import { expect, test } from 'vitest';
import { assertNotSystemic } from './breaker.ts';

const example = 'no schema with id 9';

test('more than half of a batch stops everything and says why', () => {
  expect(() => assertNotSystemic({ records: 20, bad: 11, example }, 50)).toThrow(
    expect.objectContaining({ code: 'PMC_PERSISTENCE_BREAKER', message: expect.stringContaining(example) }),
  );
});

test('half does not, nor do all records of a small batch', () => {
  expect(() => assertNotSystemic({ records: 20, bad: 10, example }, 50)).not.toThrow();
  expect(() => assertNotSystemic({ records: 19, bad: 19, example }, 50)).not.toThrow();
});

test('100 percent lets everything through', () => {
  expect(() => assertNotSystemic({ records: 1_000, bad: 1_000, example }, 100)).not.toThrow();
});
