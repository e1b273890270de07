// One formula on both sides: h = the first 8 bytes of SHA-256(int8 offset ‖ SHA-256(payload)), as a signed 64-bit number,
// summed per bucket. A sum, because XOR cancels pairs. Here from the bytes on the log; in rows.ts by PostgreSQL from text.
import { createHash } from 'node:crypto';

/** Offsets per bucket; buckets are aligned to it. */
export const BUCKET_OFFSETS = 4_096n;

export function payloadHash(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}

export function recordHash(offset: bigint, payload: Uint8Array): bigint {
  const position = Buffer.allocUnsafe(8);
  position.writeBigInt64BE(offset);
  return createHash('sha256').update(position).update(payloadHash(payload)).digest().readBigInt64BE(0);
}

export function bucketOf(offset: bigint): bigint {
  return offset / BUCKET_OFFSETS;
}
