import { expect, it } from 'vitest';
import { countText, durationText } from './wording.ts';

it.each([
  [-5, '0 ms'],
  [0, '0 ms'],
  [12.4, '12 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [61_500, '1 min 1 s'],
  [3_600_000, '1 h'],
  [11_523_000, '3 h 12 min'],
  [604_800_000, '7 d'],
])('says %d ms as %s', (durationMs, text) => {
  expect(durationText(durationMs)).toBe(text);
});

it('separates thousands and says unknown', () => {
  expect([countText(1_234_567n), countText(0), countText(undefined)]).toEqual(['1,234,567', '0', 'unknown']);
});
