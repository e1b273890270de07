// One formula on both sides: the digest of a bucket is the sum of place × h over its records, h the first 6 bytes of SHA-256 as a whole
// number, the place that of the offset in its bucket, from 1. A sum, because XOR cancels pairs; times the place, because two texts that
// have changed places would cancel too. Here from the bytes on the log; in stored-side.ts by PostgreSQL from text.
import { hash } from 'node:crypto';

/** Offsets per bucket; buckets are aligned to it. A place times 6 bytes is below 2^61: PostgreSQL has it as an int8. */
export const BUCKET_OFFSETS = 4_096n;

/** SHA-256 as hexadecimal text: half the time of the bytes, and what it is compared with is text. */
export function payloadHash(payload: Uint8Array): string {
  return hash('sha256', payload, 'hex');
}

/** The first 6 bytes of a hash that is written as hexadecimal text, as a whole number below 2^48. */
export function first6(sha256: string): number {
  return Number.parseInt(sha256.slice(0, 12), 16);
}

/** Of one record where it lies, as the anchors keep it: the first 8 bytes of SHA-256(int8 offset ‖ SHA-256(payload)), signed. */
export function recordHash(offset: bigint, payload: Uint8Array): bigint {
  const located = Buffer.alloc(40);
  located.writeBigInt64BE(offset);
  located.write(payloadHash(payload), 8, 'hex');
  return hash('sha256', located, 'buffer').readBigInt64BE();
}

export function bucketOf(offset: bigint): bigint {
  return offset / BUCKET_OFFSETS;
}
