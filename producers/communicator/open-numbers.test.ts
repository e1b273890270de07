import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpenNumbers } from './open-numbers.ts';

/** More than a Set can hold. */
const MANY = 2 ** 24 + 1;

/** How many numbers are given out, then which of the open ones settle: so many from one of them on, each so far from the one before. */
const STEP = fc.record({
  give: fc.nat({ max: 600 }),
  pick: fc.nat(),
  settle: fc.nat({ max: 600 }),
  stride: fc.constantFrom(1, 1, 2, 6),
});

function opened(count: number): OpenNumbers {
  const numbers = new OpenNumbers();
  for (let given = 0; given < count; given += 1) numbers.next();
  return numbers;
}

describe('open numbers', () => {
  test('agree with a set of them, in whatever order and however far apart they settle', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 12 }), (steps) => {
        const numbers = new OpenNumbers();
        const model = new Set<number>();
        let given = 0;
        for (const { give, pick, settle, stride } of steps) {
          for (let count = 0; count < give; count += 1) model.add(numbers.next());
          given += give;
          const open = [...model];
          const first = pick % Math.max(1, open.length);
          const some = open.slice(first, first + settle * stride).filter((_, at) => at % stride === 0);
          expect(some.filter((number) => !numbers.settle(number))).toEqual([]);
          for (const number of some) model.delete(number);
          expect([...some, 0, given + 1].filter((number) => numbers.settle(number))).toEqual([]);
          const [lowest = given + 1] = model;
          expect([numbers.given, numbers.size, numbers.settledUpTo]).toEqual([given, model.size, lowest - 1]);
        }
      }),
      { numRuns: 200 },
    );
  });

  // A Set of what settled ahead throws here. One partition is without a leader, a frame of it waits, and all others go on for as long as it takes.
  test('that settle behind one that stays open are not kept', { timeout: 60_000 }, () => {
    const numbers = opened(1);
    for (let number = 2; number <= MANY; number += 1) numbers.settle(numbers.next());
    expect([numbers.settledUpTo, numbers.size]).toEqual([0, 1]);
    numbers.settle(1);
    expect(numbers.settledUpTo).toBe(MANY);
  });

  test('of which none is settled take up no byte each', () => {
    const before = process.memoryUsage().arrayBuffers;
    const numbers = opened(1_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000);
    expect([numbers.settledUpTo, numbers.size]).toEqual([0, 1_000_000]);
  });
});
