import { expect, test } from 'vitest';
import { checksum } from './checksum.ts';

test('the checksum is CRC-32C', () => {
  // The check value of the algorithm, and that of nothing.
  expect([checksum(Buffer.from('123456789')), checksum(Buffer.alloc(0))]).toEqual([0xe306_9283, 0]);
});

test('it is of a part of a buffer where that is what is given', () => {
  const bytes = Buffer.from('0123456789!');
  expect(checksum(bytes.subarray(1, 10))).toBe(0xe306_9283);
});
