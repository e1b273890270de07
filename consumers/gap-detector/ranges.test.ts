import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { Intervals, type Range } from './intervals.ts';
import { RangeSet } from './ranges.ts';

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
const BASE = fc.constantFrom(0, 1_024 - 40, 1_024 * 2 - 40, 65_536 - 40, 1_000_000);
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

/** The set as runs, worked out anew from all that was ever added: by their ends alone, however wide they are. */
class Model {
  #runs: readonly Range[] = [];

  get runs(): readonly Range[] {
    return this.#runs;
  }

  get size(): number {
    return this.#runs.reduce((sum, { lower, upper }) => sum + (upper - lower), 0);
  }

  add(lower: number, upper: number): void {
    const merged: { lower: number; upper: number }[] = [];
    for (const run of [...this.#runs, { lower, upper }].sort((a, b) => a.lower - b.lower)) {
      const last = merged.at(-1);
      if (run.lower >= run.upper) continue;
      if (last !== undefined && run.lower <= last.upper) last.upper = Math.max(last.upper, run.upper);
      else merged.push({ ...run });
    }
    this.#runs = merged;
  }

  has(value: number): boolean {
    return this.#runs.some(({ lower, upper }) => value >= lower && value < upper);
  }

  within(lower: number, upper: number): readonly Range[] {
    return this.#runs
      .map((run) => ({ lower: Math.max(lower, run.lower), upper: Math.min(upper, run.upper) }))
      .filter((run) => run.lower < run.upper);
  }

  missing(lower: number, upper: number): readonly Range[] {
    const edges = [lower, ...this.within(lower, upper).flatMap((run) => [run.lower, run.upper]), upper];
    const gaps: Range[] = [];
    for (let at = 0; at + 1 < edges.length; at += 2) {
      const [from = 0, to = 0] = [edges[at], edges[at + 1]];
      if (from < to) gaps.push({ lower: from, upper: to });
    }
    return gaps;
  }

  firstMissing(lower: number): number {
    return this.#runs.find((run) => lower >= run.lower && lower < run.upper)?.upper ?? lower;
  }
}

const LAST = PROTOCOL_LIMITS.seq;
// Here and there over all that a peer may send, close to what is there already, and at the borders of chunks of any size.
const FAR = fc.oneof(
  fc.integer({ min: 1, max: LAST }),
  fc.integer({ min: 1, max: 5_000 }),
  fc.integer({ min: LAST - 5_000, max: LAST }),
  fc.tuple(fc.integer({ min: 10, max: 52 }), fc.integer({ min: -2, max: 2 })).map(([power, by]) => 2 ** power + by),
);
const ADDED = fc.oneof(
  fc.tuple(FAR, FAR).map(([one, other]) => [Math.min(one, other), Math.max(one, other) + 1] as const),
  FAR.map((one) => [one, one + 1] as const),
  fc.tuple(FAR, fc.nat(3_000)).map(([one, more]) => [one, Math.min(LAST, one + more) + 1] as const),
);

describe.each([
  ['that becomes dense', () => new RangeSet()],
  ['as its runs', () => new Intervals()],
] as const)('a set of numbers %s', (_which, make) => {
  test('is as large as what was added, not as wide: it agrees with the ends of its runs up to the last number of a peer', () => {
    fc.assert(
      fc.property(
        fc.array(ADDED, { maxLength: 30 }),
        fc.array(ADDED, { minLength: 1, maxLength: 8 }),
        (added, asked) => {
          const set = make();
          const model = new Model();
          for (const [lower, upper] of added) {
            const before = model.size;
            model.add(lower, upper);
            expect(set.add(lower, upper)).toBe(model.size - before);
          }
          if (set instanceof RangeSet) expect(set.size).toBe(model.size);
          const ends = model.runs.flatMap(({ lower, upper }) => [lower, upper]);
          for (const [lower, upper] of [...asked, [0, LAST + 1] as const]) {
            expect(set.missing(lower, upper)).toEqual(model.missing(lower, upper));
            if (set instanceof Intervals) expect(set.within(lower, upper)).toEqual(model.within(lower, upper));
            for (const value of [lower, upper - 1, ...ends.flatMap((end) => [Math.max(0, end - 1), end])]) {
              expect([set.has(value), set.firstMissing(value)]).toEqual([model.has(value), model.firstMissing(value)]);
            }
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

test('numbers that are all far apart take a little memory each, and a few that are there are found at once', () => {
  const set = new RangeSet();
  for (let at = 1; at <= 20_000; at += 1) set.add(at * 1e11, at * 1e11 + 1);
  expect(set.missing(0, LAST + 1)).toHaveLength(20_001);
  expect([set.size, set.has(5e11), set.has(5e11 + 1)]).toEqual([20_000, true, false]);
});
