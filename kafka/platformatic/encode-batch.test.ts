import { createRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AppendRecord } from '../log.ts';
import { decodeBatches } from './decode-batches.ts';
import { encodeBatch } from './encode-batch.ts';

const TEXT = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  // Longer in bytes than in units by so much that the length itself takes another byte.
  fc.constantFrom('é'.repeat(40), '😀'.repeat(31), '\ud800'.repeat(22), '€'.repeat(4_000)),
);
const RECORD: fc.Arbitrary<AppendRecord> = fc.record({
  key: fc.option(TEXT),
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  // Less than 2^31 ms apart: the library loses what is beyond that, see below.
  timestampMs: fc.integer({ min: 1_700_000_000_000, max: 1_702_000_000_000 }),
  headers: fc.dictionary(TEXT, TEXT, { maxKeys: 5, noNullPrototype: true }),
});

/** What the library writes of the same records. */
function byLibrary(records: readonly AppendRecord[], producerId: bigint, producerEpoch: number, sequence: number) {
  const messages = records.map(({ key, value, headers, timestampMs }) => ({
    ...{ topic: 't', partition: 3, value, timestamp: BigInt(timestampMs) },
    ...(key !== null && { key: Buffer.from(key) }),
    headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
  }));
  const sequences = { getWithDefault: () => sequence } as never;
  return createRecordsBatch(messages, { producerId, producerEpoch, sequences }).buffer;
}

test('a batch has the bytes that the library makes of the same records', () => {
  fc.assert(
    fc.property(
      fc.array(RECORD, { minLength: 1, maxLength: 20 }),
      fc.bigInt({ min: 0n, max: 2n ** 62n }),
      fc.nat(32_767),
      fc.nat(2 ** 31 - 1),
      (records, producerId, producerEpoch, baseSequence) => {
        const bytes = encodeBatch(records, { producerId, producerEpoch, baseSequence });
        expect(bytes.toString('hex')).toBe(byLibrary(records, producerId, producerEpoch, baseSequence).toString('hex'));
      },
    ),
    { numRuns: 500 },
  );
});

test('texts may end anywhere near the end of the room that was taken for them', () => {
  const timestampMs = 1_700_000_000_000;
  for (let units = 0; units < 350; units += 1) {
    const text = '€'.repeat(units);
    const records = [
      { key: text, value: Buffer.from('v'), headers: {}, timestampMs },
      // What the first took of its room, it has to find again.
      { key: null, value: Buffer.alloc(2_000, 'v'), headers: { '': text }, timestampMs },
    ];
    const bytes = encodeBatch(records, { producerId: 1n, producerEpoch: 0, baseSequence: 0 });
    expect(bytes.equals(byLibrary(records, 1n, 0, 0)), `${units} units`).toBe(true);
  }
});

test('records of a spool that are months apart keep their timestamps', () => {
  const times = [1_700_000_000_000, 1_700_000_000_000 + 2 ** 31, 1_600_000_000_000, 0];
  const records = times.map((timestampMs) => ({ key: null, value: Buffer.from('x'), headers: {}, timestampMs }));
  const [batch] = decodeBatches(encodeBatch(records, { producerId: 1n, producerEpoch: 0, baseSequence: 0 }));
  expect(batch?.records({ topic: 't', partition: 0 }).map(({ timestampMs }) => timestampMs)).toEqual(times);
});
