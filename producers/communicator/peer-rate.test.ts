import { describe, expect, test } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { PeerRate } from './peer-rate.ts';

const RATE = { ratePerSecond: 10, burst: 2 };

describe('the rate of a peer', () => {
  test('is none where none is set', () => {
    const rate = new PeerRate(undefined, 0);
    for (let count = 0; count < 10_000; count += 1) expect(rate.wait('event', 0)).toBeUndefined();
  });

  test('is another for events, for what passes and for what was handled', () => {
    const rate = new PeerRate(RATE, 0);
    expect([rate.wait('event', 0), rate.wait('event', 0), rate.wait('event', 0)]).toEqual([undefined, undefined, 100]);
    expect([rate.wait('passing', 0), rate.wait('passing', 0), rate.wait('passing', 0)]).toEqual([
      undefined,
      undefined,
      100,
    ]);
    for (let count = 0; count < 1_000; count += 1) expect(rate.wait('handled', 0)).toBeUndefined();
    expect(rate.wait('handled', 0)).toBe(100);
    expect(rate.wait('event', 100)).toBeUndefined();
  });

  test('leaves room for a window that comes again whole, as its acknowledgements were lost', () => {
    const rate = new PeerRate(RATE, 0);
    for (let count = 0; count < PROTOCOL_LIMITS.window; count += 1) expect(rate.wait('again', 0)).toBeUndefined();
    const waits = Array.from({ length: 2 * PROTOCOL_LIMITS.window }, () => rate.wait('again', 0));
    expect(waits.at(-1)).toBeGreaterThan(0);
  });

  test('is abused by a minute above it without a pause', () => {
    const rate = new PeerRate(RATE, 0);
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 5_000) rate.over(nowMs);
    expect([rate.isAbused(60_000), rate.isAbused(60_001)]).toEqual([false, true]);
    rate.over(66_000);
    expect(rate.isAbused(66_000)).toBe(false);
  });

  test('is not abused by two bursts a minute apart', () => {
    const rate = new PeerRate(RATE, 0);
    rate.over(0);
    rate.over(61_000);
    expect(rate.isAbused(61_500)).toBe(false);
  });
});
