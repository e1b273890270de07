import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunksOf } from './chunks.ts';

const itself = (size: number): number => size;

test('cuts at the number of rows', () => {
  expect(chunksOf([1, 1, 1, 1, 1], itself, { rowsMax: 2, bytesMax: 100 })).toEqual([[1, 1], [1, 1], [1]]);
});

test('cuts at the number of bytes; what is larger alone is alone', () => {
  expect(chunksOf([4, 6, 1, 11, 1], itself, { rowsMax: 9, bytesMax: 10 })).toEqual([[4, 6], [1], [11], [1]]);
});

test('nothing gives nothing', () => {
  expect(chunksOf([], itself, { rowsMax: 1, bytesMax: 1 })).toEqual([]);
});

test('keeps every item, in order, within both limits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20)),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 30 }),
      (items, rowsMax, bytesMax) => {
        const chunks = chunksOf(items, itself, { rowsMax, bytesMax });
        expect(chunks.flat()).toEqual(items);
        for (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.length).toBeLessThanOrEqual(rowsMax);
          if (chunk.length > 1) expect(chunk.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(bytesMax);
        }
      },
    ),
  );
});
