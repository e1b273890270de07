// What one record adds to the digest of its bucket, by the definition.
import { BUCKET_OFFSETS, first6, payloadHash } from './digest.ts';

export function shareOf(offset: number | bigint, hash: number): bigint {
  return ((BigInt(offset) % BUCKET_OFFSETS) + 1n) * BigInt(hash);
}

export function payloadShare(offset: number | bigint, payload: Uint8Array): bigint {
  return shareOf(offset, first6(payloadHash(payload)));
}
