import { Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../log.ts';
import { decodeBatches } from './decode-batches.ts';
import { type Content, storedBytes } from './stored-batches.testing.ts';

const FROM = { topic: 't', partition: 3 };
const BYTES = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const CONTENT: fc.Arbitrary<Content> = fc.record(
  {
    key: BYTES,
    value: fc.option(BYTES),
    headers: fc.array(fc.tuple(BYTES, BYTES), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 45n }),
  },
  { requiredKeys: ['value', 'timestamp'] },
);
const COMPRESSION = fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd' as const);

interface Plain {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

const plain = ({ offset, timestampMs, key, value, headers }: LogRecord): Plain => ({
  ...{ offset, timestampMs, key, value, headers },
});

function byLibrary(bytes: Buffer): readonly Plain[] {
  const { firstOffset, firstTimestamp, records } = readRecordsBatch(Reader.from(bytes));
  return records.map(({ key, value, headers, offsetDelta, timestampDelta }) => ({
    offset: firstOffset + BigInt(offsetDelta),
    timestampMs: Number(firstTimestamp + timestampDelta),
    ...{ key, value },
    headers: Object.fromEntries(headers.map(([name, content]) => [String(name), content as Buffer])),
  }));
}

describe('what is stored', () => {
  test('is read as the library reads it, whatever it is packed with', () => {
    fc.assert(
      fc.property(
        fc.array(CONTENT, { minLength: 1, maxLength: 10 }),
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        COMPRESSION,
        (contents, baseOffset, compression) => {
          const bytes = storedBytes(contents, { baseOffset, compression });
          const [batch, ...others] = decodeBatches(bytes);
          expect(others).toEqual([]);
          expect(batch?.records(FROM).map(plain)).toEqual(byLibrary(bytes));
          expect(batch).toMatchObject({ baseOffset, end: baseOffset + BigInt(contents.length) });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is every batch that is whole; the one that the answer cut off is not', () => {
    const [first, second] = [5n, 7n].map((baseOffset) =>
      storedBytes(
        [
          { value: Buffer.from('a'), timestamp: 1n },
          { value: null, timestamp: 2n },
        ],
        { baseOffset },
      ),
    ) as [Buffer, Buffer];
    const both = Buffer.concat([first, second]);
    for (let length = 0; length <= both.length; length += 1) {
      const whole = length === both.length ? [5n, 7n] : length >= first.length ? [5n] : [];
      expect(decodeBatches(both.subarray(0, length)).map(({ baseOffset }) => baseOffset)).toEqual(whole);
    }
  });

  test('is nothing else when its bytes are damaged: read, or an error that names a place', () => {
    fc.assert(
      fc.property(
        fc.array(CONTENT, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (contents, damages) => {
          const bytes = storedBytes(contents, { baseOffset: 0n });
          // Behind the length: what is too short is cut off, which the test above has.
          for (const [at, byte] of damages) bytes[12 + (at % (bytes.length - 12))] = byte;
          try {
            for (const batch of decodeBatches(bytes)) batch.records(FROM).map(plain);
          } catch (error) {
            // A compression that was never there is the library's own errors.
            if ((bytes.readInt16BE(21) & 0x07) === 0) expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
