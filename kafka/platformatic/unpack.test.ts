import { createHash } from 'node:crypto';
import { compressionsAlgorithms } from '@platformatic/kafka';
import { describe, expect, test } from 'vitest';
import { UNPACKED_BYTES_MAX, unpack } from './unpack.ts';

const { gzip, snappy, lz4, zstd } = compressionsAlgorithms;
const EACH = [
  ['gzip', gzip],
  ['snappy', snappy],
  ['lz4', lz4],
  ['zstd', zstd],
] as const;
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);

/** Nothing that could be packed. */
function noise(sizeBytes: number): Buffer {
  const block = (index: number): Buffer => createHash('sha256').update(String(index)).digest();
  return Buffer.concat(Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, index) => block(index)));
}

/** As Java producers write Snappy: in blocks, each behind its length. */
function inBlocks(blocks: readonly Buffer[]): Buffer {
  const parts = blocks.map((block) => {
    const packed = snappy.compressSync(block);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(packed.length);
    return Buffer.concat([length, packed]);
  });
  return Buffer.concat([XERIAL, ...parts]);
}

describe.each(EACH)('%s', (_name, { compressSync, bitmask }) => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a little', Buffer.from('abcabcabc')],
    ['what cannot be packed', noise(300_000)],
    ['many zeros', Buffer.alloc(10_000_000)],
    ['as much as is taken', Buffer.alloc(UNPACKED_BYTES_MAX)],
  ])('is undone: of %s', (_what, bytes) => {
    expect(unpack(compressSync(bytes), bitmask).equals(bytes)).toBe(true);
  });

  test('is left as it is where it is packed from more than a process should hold', () => {
    const packed = compressSync(Buffer.alloc(UNPACKED_BYTES_MAX + 1));
    expect(() => unpack(packed, bitmask)).toThrow(expect.objectContaining({ code: 'PMC_COMPRESSION_UNREADABLE' }));
  });

  test('is named where it was cut off or is something else', () => {
    const packed = compressSync(noise(1_000));
    for (const bytes of [
      packed.subarray(0, -20),
      Buffer.from('something else, of no kind at all'),
      Buffer.alloc(3, 0xff),
    ])
      expect(() => unpack(bytes, bitmask)).toThrow(expect.objectContaining({ code: 'PMC_COMPRESSION_UNREADABLE' }));
  });
});

test('blocks of Snappy are added up', () => {
  const block = Buffer.alloc(8_388_608, 'a');
  expect(unpack(inBlocks([block, Buffer.from('end')]), snappy.bitmask)).toHaveLength(8_388_611);
  const bomb = inBlocks(Array.from({ length: 9 }, () => block));
  expect(() => unpack(bomb, snappy.bitmask)).toThrow(expect.objectContaining({ code: 'PMC_COMPRESSION_UNREADABLE' }));
});
