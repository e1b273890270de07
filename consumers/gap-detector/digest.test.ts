import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUCKET_OFFSETS, bucketOf, payloadHash, recordHash } from './digest.ts';

const GOLDEN = 1525680713758094029n;
const OFFSET = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const PAYLOAD = fc.uint8Array({ maxLength: 100 });

/** The definition, word for word: the first 8 bytes of SHA-256(int8 offset ‖ SHA-256(payload)), signed. */
function defined(offset: bigint, payload: Uint8Array): bigint {
  const position = Buffer.alloc(8);
  position.writeBigInt64BE(offset);
  const inner = createHash('sha256').update(payload).digest();
  return createHash('sha256')
    .update(Buffer.concat([position, inner]))
    .digest()
    .readBigInt64BE(0);
}

describe('the hash of a record', () => {
  test('is the one that PostgreSQL computes from the same definition', () => {
    // select ('x' || encode(substring(sha256(int8send(7) || sha256('{"a":1}')) from 1 for 8), 'hex'))::bit(64)::bigint
    expect(recordHash(7n, Buffer.from('{"a":1}'))).toBe(GOLDEN);
    fc.assert(
      fc.property(OFFSET, PAYLOAD, (offset, payload) => {
        expect(recordHash(offset, payload)).toBe(defined(offset, payload));
      }),
    );
  });

  test('does not remember the one before', () => {
    const [first, other] = [Buffer.from('a'), Buffer.from('b')];
    const before = recordHash(1n, first);
    const kept = payloadHash(first);
    recordHash(2n, other);
    payloadHash(other);
    expect(recordHash(1n, first)).toBe(before);
    expect(payloadHash(first)).toBe(kept);
  });

  test('is another for another place or another byte', () => {
    fc.assert(
      fc.property(OFFSET, fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), (offset, payload, pick) => {
        const altered = Uint8Array.from(payload);
        altered[pick % altered.length] = (altered[pick % altered.length] as number) ^ 1;
        const hash = recordHash(offset, payload);
        expect(recordHash(offset, altered)).not.toBe(hash);
        expect(recordHash(offset === 0n ? 1n : offset - 1n, payload)).not.toBe(hash);
      }),
    );
  });
});

test('a bucket holds so many offsets, aligned', () => {
  expect([0n, BUCKET_OFFSETS - 1n, BUCKET_OFFSETS, 2n * BUCKET_OFFSETS].map(bucketOf)).toEqual([0n, 0n, 1n, 2n]);
});
