// One formula on both sides: h = the first 8 bytes of SHA-256(int8 offset ‖ SHA-256(payload)), as a signed 64-bit number,
// summed per bucket. A sum, because XOR cancels pairs. Here from the bytes on the log; in rows.ts by PostgreSQL from text.
import { hash } from 'node:crypto';

/** Offsets per bucket; buckets are aligned to it. */
export const BUCKET_OFFSETS = 4_096n;

export function payloadHash(payload: Uint8Array): Buffer {
  return hash('sha256', payload, 'buffer');
}

/** Written over by each call: int8 offset ‖ SHA-256(payload). */
const located = Buffer.alloc(40);

export function recordHash(offset: bigint, payload: Uint8Array): bigint {
  located.writeBigInt64BE(offset, 0);
  payloadHash(payload).copy(located, 8);
  return hash('sha256', located, 'buffer').readBigInt64BE(0);
}

export function bucketOf(offset: bigint): bigint {
  return offset / BUCKET_OFFSETS;
}
