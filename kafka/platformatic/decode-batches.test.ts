import { crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
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
          const [batch, ...others] = [...decodeBatches(bytes)];
          expect(others).toEqual([]);
          expect(batch?.records(FROM).map(plain)).toEqual(byLibrary(bytes));
          expect(batch).toMatchObject({ baseOffset, end: baseOffset + BigInt(contents.length) });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("has the broker's time where the topic says so", () => {
    const contents = [5n, 9n, 7n].map((timestamp) => ({ value: Buffer.from('a'), timestamp }));
    const timesOf = (attributes: number) =>
      [...decodeBatches(storedBytes(contents, { baseOffset: 0n, attributes }))].flatMap((batch) =>
        batch.records(FROM).map(({ timestampMs }) => timestampMs),
      );
    expect(timesOf(0)).toEqual([5, 9, 7]);
    expect(timesOf(0x08)).toEqual([9, 9, 9]);
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
      expect([...decodeBatches(both.subarray(0, length))].map(({ baseOffset }) => baseOffset)).toEqual(whole);
    }
  });

  test('is an error where a byte is another one: no record is made of it', () => {
    const bytes = storedBytes([{ key: Buffer.from('k'), value: Buffer.from('hello'), timestamp: 1n }], {
      baseOffset: 0n,
    });
    // Before that stand what the broker sets after the checksum (offset, length, leader epoch), which has tests of its own.
    for (let at = 16; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(() => [...decodeBatches(damaged)], `byte ${at}`).toThrow(RangeError);
    }
  });

  test('is an error where records and batch do not end together, whatever its checksum says', () => {
    fc.assert(
      fc.property(
        fc.array(CONTENT, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: -2, max: 6 }),
        (contents, damages, count) => {
          const bytes = storedBytes(contents, { baseOffset: 0n });
          for (const [at, byte] of damages) bytes[61 + (at % (bytes.length - 61))] = byte;
          bytes.writeInt32BE(count, 57);
          bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
          const [batch] = [...decodeBatches(bytes)];
          try {
            expect(batch?.records(FROM)).toHaveLength(count);
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.for([5, 6, 7])('is an error where it is packed as nothing is known: type %s', (type) => {
    const bytes = storedBytes([{ value: Buffer.from('a'), timestamp: 1n }], { baseOffset: 0n, attributes: type });
    const [batch] = [...decodeBatches(bytes)];
    expect(() => batch?.records(FROM)).toThrow(expect.objectContaining({ code: 'PMC_COMPRESSION_UNREADABLE' }));
  });
});
