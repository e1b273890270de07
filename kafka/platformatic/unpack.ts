// Undoes every compression that a broker stores, for both clients, and no more of it than a process has memory for: 64 KiB on the log can
// be two thousand million zeros.
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';

/** Of a batch, and where no more are begun of what one answer brought of a partition. A broker takes a megabyte of it as it is stored, and what people write is seldom packed to less than a twentieth. */
export const UNPACKED_BYTES_MAX = 67_108_864;

const BOUNDED = { maxOutputLength: UNPACKED_BYTES_MAX };
/** What Java producers put before their blocks of Snappy, and behind it two versions. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;
const LZ4_MAGIC = 0x184d2204;

/** `type` is what the three lowest bits of a batch's attributes say, but 0. Throws PMC_COMPRESSION_UNREADABLE. */
export function unpack(bytes: Buffer, type: number): Buffer {
  try {
    return unpacked(bytes, type);
  } catch (cause) {
    throw unreadable(type, cause);
  }
}

function unpacked(bytes: Buffer, type: number): Buffer {
  switch (type) {
    case compressionsAlgorithms.gzip.bitmask:
      return gunzipSync(bytes, BOUNDED);
    case compressionsAlgorithms.zstd.bitmask:
      return zstdDecompressSync(bytes, BOUNDED);
    case compressionsAlgorithms.snappy.bitmask:
      assertBounded(snappyBytes(bytes));
      return compressionsAlgorithms.snappy.decompressSync(bytes);
    case compressionsAlgorithms.lz4.bitmask:
      assertBounded(lz4Bytes(bytes));
      return compressionsAlgorithms.lz4.decompressSync(bytes);
    default:
      throw new Error('this client does not know it');
  }
}

function assertBounded(sizeBytes: number): void {
  if (sizeBytes > UNPACKED_BYTES_MAX) throw new RangeError(`it is packed from ${sizeBytes} bytes, more than are taken`);
}

/** Each block says how much it is packed from, and nothing makes more of it. */
function snappyBytes(bytes: Buffer): number {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return snappyBlockBytes(bytes);
  let sizeBytes = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const from = at + 4;
    at = from + bytes.readUInt32BE(at);
    sizeBytes += snappyBlockBytes(bytes.subarray(from, at));
  }
  return sizeBytes;
}

function snappyBlockBytes(block: Buffer): number {
  let size = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = block.readUInt8(index);
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  throw new RangeError('a block of Snappy that does not say how long it is');
}

/** Of the blocks of its frames, each of which says how long it is as it is packed. */
function lz4Bytes(bytes: Buffer): number {
  let sizeBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.readUInt32LE(at) !== LZ4_MAGIC) throw new RangeError(`no frame of LZ4 at byte ${at}`);
    const flags = bytes.readUInt8(at + 4);
    const has = (flag: number): boolean => (flags & flag) !== 0;
    // Its size and the id of its dictionary, where it names them, and a checksum.
    at += 6 + (has(0x08) ? 8 : 0) + (has(0x01) ? 4 : 0) + 1;
    for (let block = bytes.readUInt32LE(at); block !== 0; block = bytes.readUInt32LE(at)) {
      const isPacked = block < 0x80000000;
      const length = block & 0x7fffffff;
      const from = at + 4;
      sizeBytes += isPacked ? lz4BlockBytes(bytes.subarray(from, from + length)) : length;
      at = from + length + (has(0x10) ? 4 : 0);
    }
    at += 4 + (has(0x04) ? 4 : 0);
  }
  return sizeBytes;
}

/** A block does not say what it is packed from: that is the sum of its pieces, each so many bytes as they are and so many of before. */
function lz4BlockBytes(block: Buffer): number {
  let sizeBytes = 0;
  let at = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    let more = nibble === 15;
    while (more) {
      const byte = block.readUInt8(at);
      at += 1;
      length += byte;
      more = byte === 255;
    }
    return length;
  };
  while (at < block.length) {
    const token = block.readUInt8(at);
    at += 1;
    const asTheyAre = lengthOf(token >> 4);
    sizeBytes += asTheyAre;
    at += asTheyAre;
    // The last piece has nothing of before.
    if (at >= block.length) break;
    at += 2;
    sizeBytes += lengthOf(token & 15) + 4;
  }
  return sizeBytes;
}

export function unreadable(type: number, cause?: unknown): PmcError {
  const message = `a batch with compression type ${type} cannot be read; its partition waits`;
  return new PmcError('PMC_COMPRESSION_UNREADABLE', message, { type }, { cause });
}
