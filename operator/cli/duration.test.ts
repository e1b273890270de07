import { expect, test } from 'vitest';
import { durationMs } from './duration.ts';

test.each([
  ['45s', 45_000],
  ['90m', 5_400_000],
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
  ['3650d', 315_360_000_000],
])('%s is %d ms', (text, spanMs) => expect(durationMs(text)).toBe(spanMs));

test.each(['', '30', 'd', '0d', '-1d', '1.5h', '1w', '30 d', '30D', '3651d', '1d12h', '999999999d', '１d'])(
  '%j is none',
  (text) => expect(durationMs(text)).toBeUndefined(),
);
