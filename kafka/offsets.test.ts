import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PmcError } from '../service/errors.ts';
import { offsetToJson, parseOffset } from './offsets.ts';

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

describe('an offset', () => {
  test('is read and written without rounding, however large it may be in JSON', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: LARGEST }), (offset) => {
        expect(BigInt(offsetToJson(parseOffset(String(offset))))).toBe(offset);
      }),
    );
    expect(offsetToJson(LARGEST)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('above 2^53 - 1 is refused, not rounded', () => {
    expect(() => offsetToJson(LARGEST + 1n)).toThrow(PmcError);
    expect(() => offsetToJson(2n ** 63n - 1n)).toThrow(/9223372036854775807/);
  });

  test('that is not a number is refused', () => {
    expect(() => parseOffset('12x')).toThrow(SyntaxError);
    expect(() => parseOffset('1.5')).toThrow(SyntaxError);
  });
});
