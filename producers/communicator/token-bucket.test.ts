import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const limits = fc.record({
  ratePerSecond: fc.double({ min: 0.5, max: 100_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 1_000 }),
});
const startMs = fc.integer({ min: 0, max: 2 ** 41 });
/** Milliseconds between two attempts. */
const pauses = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 60_000 })),
  {
    minLength: 1,
    maxLength: 500,
  },
);

describe('a token bucket', () => {
  it('gives what comes at once up to its burst, then makes wait for one at a time', () => {
    const bucket = new TokenBucket({ ratePerSecond: 50, burst: 3, nowMs: 1_000 });
    expect([1, 2, 3, 4].map(() => bucket.take(1_000))).toEqual([0, 0, 0, 20]);
    expect(bucket.take(1_019)).toBe(1);
    expect(bucket.take(1_020)).toBe(0);
    expect(bucket.take(1_020)).toBe(20);
    expect([1, 2, 3, 4].map(() => bucket.take(9_000))).toEqual([0, 0, 0, 20]);
  });

  it('never gives more than its burst and what its rate allows, over any stretch of time', () => {
    fc.assert(
      fc.property(limits, startMs, pauses, (limit, start, waits) => {
        const bucket = new TokenBucket({ ...limit, nowMs: start });
        let nowMs = start;
        const takenAt: number[] = [];
        for (const wait of waits) {
          nowMs += wait;
          if (bucket.take(nowMs) === 0) takenAt.push(nowMs);
        }
        for (let first = 0; first < takenAt.length; first += 17) {
          const spanMs = nowMs - (takenAt[first] as number);
          const most = limit.burst + (spanMs * limit.ratePerSecond) / 1_000;
          expect(takenAt.length - first).toBeLessThanOrEqual(most + 1e-3);
        }
      }),
    );
  });

  it('gives one after the wait that it named, and none a millisecond before', () => {
    fc.assert(
      fc.property(limits, startMs, pauses, (limit, start, waits) => {
        const bucket = new TokenBucket({ ...limit, nowMs: start });
        let nowMs = start;
        for (const wait of waits) {
          nowMs += wait;
          const needed = bucket.take(nowMs);
          if (needed === 0) continue;
          expect(needed).toBeGreaterThanOrEqual(1);
          expect(needed).toBeLessThanOrEqual(Math.max(1, Math.ceil(1_000 / limit.ratePerSecond) + 1));
          if (needed > 1) expect(bucket.take(nowMs + needed - 1)).not.toBe(0);
          nowMs += needed;
          expect(bucket.take(nowMs)).toBe(0);
        }
      }),
    );
  });

  it('gives everything to who stays below the rate', () => {
    fc.assert(
      fc.property(limits, startMs, fc.integer({ min: 1, max: 300 }), (limit, start, count) => {
        const bucket = new TokenBucket({ ...limit, nowMs: start });
        const periodMs = Math.ceil(1_000 / limit.ratePerSecond);
        const waits = Array.from({ length: count }, (_, index) => bucket.take(start + index * periodMs));
        expect(waits.filter((wait) => wait !== 0)).toEqual([]);
      }),
    );
  });

  it('outlives a clock that is set back', () => {
    fc.assert(
      fc.property(limits, startMs, fc.integer({ min: 1, max: 10 ** 9 }), (limit, start, back) => {
        const bucket = new TokenBucket({ ...limit, nowMs: start });
        while (bucket.take(start) === 0);
        const needed = bucket.take(start - back);
        expect(needed).toBeLessThanOrEqual(Math.ceil(1_000 / limit.ratePerSecond) + 1);
        expect(bucket.take(start - back + needed)).toBe(0);
      }),
    );
  });
});
