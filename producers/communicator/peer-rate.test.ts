import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { PeerRate } from './peer-rate.ts';
import { TokenBucket } from './token-bucket.ts';

const RATE = { ratePerSecond: 10, burst: 2 };
const OWN = (waitMs: number) => ({ waitMs, isCommon: false });

describe('the rate of a peer', () => {
  test('is none where none is set', () => {
    const rate = new PeerRate(undefined, Math.random);
    for (let count = 0; count < 10_000; count += 1) expect(rate.wait('event', 0)).toBeUndefined();
  });

  test('is another for events, for what passes and for what was handled', () => {
    const rate = new PeerRate(RATE, Math.random);
    expect([rate.wait('event', 0), rate.wait('event', 0), rate.wait('event', 0)]).toEqual([
      undefined,
      undefined,
      OWN(100),
    ]);
    expect([rate.wait('passing', 0), rate.wait('passing', 0), rate.wait('passing', 0)]).toEqual([
      undefined,
      undefined,
      OWN(100),
    ]);
    for (let count = 0; count < 1_000; count += 1) expect(rate.wait('handled', 0)).toBeUndefined();
    expect(rate.wait('handled', 0)).toEqual(OWN(100));
    expect(rate.wait('event', 100)).toBeUndefined();
  });

  test('leaves room for a window that comes again whole, as its acknowledgements were lost', () => {
    const rate = new PeerRate(RATE, Math.random);
    for (let count = 0; count < PROTOCOL_LIMITS.window; count += 1) expect(rate.wait('again', 0)).toBeUndefined();
    const waits = Array.from({ length: 2 * PROTOCOL_LIMITS.window }, () => rate.wait('again', 0));
    expect(waits.at(-1)).toMatchObject({ isCommon: false });
  });

  test('is abused by a minute above it without a pause', () => {
    const rate = new PeerRate(RATE, Math.random);
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 5_000) rate.over(nowMs);
    expect([rate.isAbused(60_000), rate.isAbused(60_001)]).toEqual([false, true]);
    rate.over(66_000);
    expect(rate.isAbused(66_000)).toBe(false);
  });

  test('is not abused by two bursts a minute apart', () => {
    const rate = new PeerRate(RATE, Math.random);
    rate.over(0);
    rate.over(61_000);
    expect(rate.isAbused(61_500)).toBe(false);
  });

  test('together with others is asked only for what its own allows, and takes nothing of its own where it refuses', () => {
    const shares = { ...RATE, common: new TokenBucket({ ratePerSecond: 1_000, burst: 3, nowMs: 0 }) };
    let drawn = 0;
    const rate = new PeerRate(shares, () => (drawn += 0.25));
    const other = new PeerRate({ ...shares, burst: 100 }, Math.random);
    const { common } = shares;
    expect([rate, other, other].map((one) => one.wait('event', 0))).toEqual([undefined, undefined, undefined]);
    // Each time at another moment, and as often as it likes.
    expect([1, 2].map(() => rate.wait('event', 0))).toEqual([
      { waitMs: 251, isCommon: true },
      { waitMs: 501, isCommon: true },
    ]);
    expect([1, 2].map(() => rate.wait('event', 2))).toEqual([undefined, OWN(98)]);
    // The second was not taken from the others.
    expect([common.take(2), common.take(2)]).toEqual([0, 1]);
    expect(rate.isAbused(100_000)).toBe(false);
  });
});
