import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Range, RangeSet } from './ranges.ts';

/** The set as a list of its numbers. */
function gapsOf(model: ReadonlySet<number>, lower: number, upper: number): readonly Range[] {
  const gaps: { lower: number; upper: number }[] = [];
  for (let value = lower; value < upper; value += 1) {
    if (model.has(value)) continue;
    const last = gaps.at(-1);
    if (last?.upper === value) last.upper = value + 1;
    else gaps.push({ lower: value, upper: value + 1 });
  }
  return gaps;
}

// Around the borders of the chunks, where mistakes live, and not around them.
const BASE = fc.constantFrom(0, 65_536 - 40, 65_536 * 2 - 40, 1_000_000);
const RANGE = fc
  .tuple(BASE, fc.nat(80), fc.nat(40))
  .map(([base, from, length]) => [base + from, base + from + length] as const);

describe('a set of numbers', () => {
  test('agrees with a plain set, in whatever order ranges come and overlap', () => {
    fc.assert(
      fc.property(fc.array(RANGE, { maxLength: 40 }), RANGE, (ranges, [from, to]) => {
        const set = new RangeSet();
        const model = new Set<number>();
        for (const [lower, upper] of ranges) {
          const before = model.size;
          for (let value = lower; value < upper; value += 1) model.add(value);
          expect(set.add(lower, upper)).toBe(model.size - before);
          expect(set.size).toBe(model.size);
        }
        const around = [from - 50 < 0 ? 0 : from - 50, to + 50] as const;
        expect(set.missing(...around)).toEqual(gapsOf(model, ...around));
        let first = from;
        while (model.has(first)) first += 1;
        expect(set.firstMissing(from)).toBe(first);
        for (let value = from; value < to; value += 1) expect(set.has(value)).toBe(model.has(value));
      }),
      { numRuns: 500 },
    );
  });

  test('knows whole chunks, which it keeps as a mark', () => {
    const set = new RangeSet();
    expect(set.add(1, 200_000)).toBe(199_999);
    expect([set.has(0), set.has(1), set.has(65_536), set.has(199_999), set.has(200_000)]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(set.add(65_536, 131_072)).toBe(0);
    expect(set.missing(0, 200_002)).toEqual([
      { lower: 0, upper: 1 },
      { lower: 200_000, upper: 200_002 },
    ]);
    expect(set.firstMissing(1)).toBe(200_000);
  });

  test('finds every one of many holes across chunks', () => {
    const set = new RangeSet();
    const holes = [1, 2, 65_535, 65_536, 70_000, 131_071, 131_072, 299_999];
    for (let value = 0; value < 300_000; value += 1) if (!holes.includes(value)) set.add(value, value + 1);
    const found = set.missing(0, 300_000).flatMap(({ lower, upper }) => gapsOf(new Set(), lower, upper));
    expect(found).toEqual([
      { lower: 1, upper: 3 },
      { lower: 65_535, upper: 65_537 },
      { lower: 70_000, upper: 70_001 },
      { lower: 131_071, upper: 131_073 },
      { lower: 299_999, upper: 300_000 },
    ]);
    expect(set.size).toBe(300_000 - holes.length);
  });

  test('holds nothing where it was told nothing', () => {
    const set = new RangeSet();
    expect([set.add(5, 5), set.add(6, 5), set.size, set.has(5)]).toEqual([0, 0, 0, false]);
    expect(set.missing(3, 3)).toEqual([]);
    expect(set.missing(3, 70_000)).toEqual([{ lower: 3, upper: 70_000 }]);
    expect(set.firstMissing(70_000)).toBe(70_000);
  });
});
