// Kafka's default partitioning of a key: murmur2, as the Java client computes it, so that every client agrees. Computed
// once per record: a retry must go to the same partition.

import { UTF8_BYTES_MAX, writeText } from './write-text.ts';

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The 32-bit murmur2 hash of the first `length` bytes, as a signed integer. */
export function murmur2(data: Uint8Array, length = data.length): number {
  let hash = SEED ^ length;
  let index = 0;
  for (; index + 4 <= length; index += 4) {
    let k =
      byte(data, index) | (byte(data, index + 1) << 8) | (byte(data, index + 2) << 16) | (byte(data, index + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length - index;
  if (rest >= 3) hash ^= byte(data, index + 2) << 16;
  if (rest >= 2) hash ^= byte(data, index + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(data, index), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

function byte(data: Uint8Array, index: number): number {
  return data[index] as number;
}

/** For keys of the usual length: a buffer for each would be garbage at once. */
const SCRATCH = Buffer.alloc(1_024);

/** The partition of a key among `count` partitions. */
export function partitionFor(key: string, count: number): number {
  return (hashOf(key) & 0x7fffffff) % count;
}

function hashOf(key: string): number {
  if (key.length * UTF8_BYTES_MAX > SCRATCH.length) return murmur2(Buffer.from(key, 'utf8'));
  return murmur2(SCRATCH, writeText(SCRATCH, key, 0));
}
