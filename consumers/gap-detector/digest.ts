// One formula on both sides: h = the first 8 bytes of SHA-256(int8 offset ‖ SHA-256(payload)), as a signed 64-bit number,
// summed per bucket. A sum, because XOR cancels pairs. Here from the bytes on the log; in rows.ts by PostgreSQL from text.
import { hash } from 'node:crypto';

/** Offsets per bucket; buckets are aligned to it. */
export const BUCKET_OFFSETS = 4_096n;

/** SHA-256 as hexadecimal text: half the time of the bytes, and what it is compared with is text. */
export function payloadHash(payload: Uint8Array): string {
  return hash('sha256', payload, 'hex');
}

/** Written over by each call: int8 offset ‖ SHA-256(payload). */
const located = Buffer.alloc(40);
const locatedView = new DataView(located.buffer, located.byteOffset, located.length);

export function recordHash(offset: bigint, payload: Uint8Array): bigint {
  return locatedHash(offset, payloadHash(payload));
}

/** The same, of a payload's hash. */
export function locatedHash(offset: bigint, payloadSha256: string): bigint {
  locatedView.setBigInt64(0, offset);
  located.write(payloadSha256, 8, 'hex');
  return shortHash(located);
}

/** Big-endian; written over by each call. */
const first8 = new DataView(new ArrayBuffer(8));

/** The first 8 bytes of SHA-256, as a signed 64-bit number. By way of text: a buffer for each costs three times the hash. */
export function shortHash(bytes: Uint8Array): bigint {
  const digest = hash('sha256', bytes, 'binary');
  for (let index = 0; index < 8; index += 1) first8.setUint8(index, digest.charCodeAt(index));
  return first8.getBigInt64(0);
}

export function bucketOf(offset: bigint): bigint {
  return offset / BUCKET_OFFSETS;
}
