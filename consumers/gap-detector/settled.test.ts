import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settledWatermark } from './settled.ts';

const OFFSET = fc.bigInt({ min: 0n, max: 1_000n });
const CLAIM = fc.option(OFFSET, { nil: undefined });

describe('the settled watermark', () => {
  test('lies on the log, never beyond what somebody claimed, and never before it', () => {
    fc.assert(
      fc.property(OFFSET, OFFSET, CLAIM, CLAIM, (logStart, length, committed, covered) => {
        const lastStable = logStart + length;
        const settled = settledWatermark({ logStart, lastStable, committed, covered });
        expect(settled >= logStart && settled <= lastStable).toBe(true);
        for (const claim of [committed, covered]) {
          // A claim on the log is judged: neither a rewound group nor an old coverage row hides it.
          if (claim !== undefined && claim >= logStart && claim <= lastStable) expect(settled >= claim).toBe(true);
        }
        if (settled > logStart)
          expect([committed, covered].some((claim) => claim !== undefined && claim >= settled)).toBe(true);
      }),
    );
  });

  test.each([
    ['nobody claimed anything', { committed: undefined, covered: undefined }, 10n],
    ['the group was rewound', { committed: 12n, covered: 50n }, 50n],
    ['the group was moved ahead', { committed: 60n, covered: 50n }, 60n],
    ['the coverage is not written yet', { committed: 30n, covered: undefined }, 30n],
    ['the group never committed', { committed: undefined, covered: 30n }, 30n],
    ['the claims are older than the log', { committed: 3n, covered: 5n }, 10n],
    ['the claims are of another life of the topic', { committed: 9_000n, covered: 8_000n }, 100n],
  ])('is right when %s', (_name, claims, settled) => {
    expect(settledWatermark({ logStart: 10n, lastStable: 100n, ...claims })).toBe(settled);
  });
});
