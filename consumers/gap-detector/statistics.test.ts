import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../service/random.ts';
import { bootstrap, clopperPearson, EPISODES_MIN, upperBoundOfNone } from './statistics.ts';

/** P(X <= lost) for a binomial of `total` and `share`, term by term. */
function binomialAtMost(lost: number, total: number, share: number): number {
  let term = (1 - share) ** total;
  let sum = term;
  for (let k = 1; k <= lost; k += 1) {
    term *= ((total - k + 1) / k) * (share / (1 - share));
    sum += term;
  }
  return sum;
}

describe('the exact interval', () => {
  test.each([
    [0, 20, 0, 0.168_433],
    [3, 20, 0.032_071, 0.378_927],
    [10, 1_000_000, 4.795_4e-6, 1.839_03e-5],
    [20, 20, 0.831_567, 1],
  ])('of %i in %i is as the tables have it', (lost, total, lower, upper) => {
    const found = clopperPearson(lost, total);
    expect(found?.lower).toBeCloseTo(lower, 6);
    expect(found?.upper).toBeCloseTo(upper, 6);
  });

  test('leaves 2.5 % on either side, by the binomial distribution itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(), (total, pick) => {
        const lost = 1 + (pick % (total - 1));
        const { lower, upper } = clopperPearson(lost, total) ?? { lower: -1, upper: -1 };
        expect(binomialAtMost(lost, total, upper)).toBeCloseTo(0.025, 5);
        expect(1 - binomialAtMost(lost - 1, total, lower)).toBeCloseTo(0.025, 5);
      }),
    );
  });

  test('says nothing of nothing', () => {
    expect(clopperPearson(0, 0)).toBeUndefined();
    expect(upperBoundOfNone(0)).toBeUndefined();
  });
});

test('none of n is at most about 3/n', () => {
  for (const total of [1e3, 1e4, 1e6]) expect((upperBoundOfNone(total) ?? 0) * total).toBeCloseTo(3, 1);
  expect(upperBoundOfNone(3_000_000)).toBeLessThan(1e-6);
});

describe('the bootstrap over episodes', () => {
  test('is wide where one episode has all the loss, though the messages are many', () => {
    const episodes = Array.from({ length: 20 }, (_, index) => ({ lost: index === 0 ? 500 : 0, total: 1_000 }));
    const bursts = bootstrap(episodes, seededRandom(1, 0));
    const single = clopperPearson(500, 20_000);
    expect(bursts?.lower).toBe(0);
    expect(bursts?.upper).toBeGreaterThan(2 * (single?.upper ?? 1));
  });

  test('needs some episodes, and is the same for the same seed', () => {
    const few = Array.from({ length: EPISODES_MIN - 1 }, () => ({ lost: 1, total: 9 }));
    expect(bootstrap(few, seededRandom(1, 0))).toBeUndefined();
    const enough = [...few, { lost: 3, total: 9 }];
    expect(bootstrap(enough, seededRandom(1, 0))).toEqual(bootstrap(enough, seededRandom(1, 0)));
    expect(bootstrap(enough, seededRandom(1, 0))).toBeDefined();
  });

  test('says nothing where no episode has lost anything: drawn again, none ever has', () => {
    const clean = Array.from({ length: 50 }, () => ({ lost: 0, total: 1_000 }));
    expect(bootstrap(clean, seededRandom(1, 0))).toBeUndefined();
  });
});
