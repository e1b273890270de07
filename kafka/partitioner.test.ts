import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { murmur2, partitionFor } from './partitioner.ts';

// From Kafka's own UtilsTest: what the Java client computes.
const KNOWN: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

const KEY = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 80 }));

/** What every other kafkajs client would choose among partitions that all have a leader. */
function chosenByKafkajs(key: string, count: number): number {
  const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  const message = { key, value: null };
  return kafkajs.Partitioners.DefaultPartitioner()({ topic: 't', partitionMetadata, message });
}

describe('the partition of a key', () => {
  test.each(KNOWN)('murmur2 of %j is %i, as in Java', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  test('is never outside the topic, also for a negative hash', () => {
    expect(murmur2(Buffer.from('21'))).toBeLessThan(0);
    expect(partitionFor('21', 6)).toBe((-973932308 & 0x7fffffff) % 6);
    fc.assert(
      fc.property(KEY, fc.integer({ min: 1, max: 100 }), (key, count) => {
        const partition = partitionFor(key, count);
        expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
      }),
    );
  });

  test.each(['a', '€', '\u{1F600}'])('is that of the whole key, however long it is: of %s', (filler) => {
    for (const count of [170, 171, 341, 342, 5_000]) {
      const key = filler.repeat(count);
      expect(partitionFor(key, 4_999)).toBe(chosenByKafkajs(key, 4_999));
    }
  });

  test('is the one that another client chooses for the same key', () => {
    fc.assert(
      fc.property(KEY, fc.integer({ min: 1, max: 24 }), (key, count) => {
        // kafkajs takes an empty key for none.
        fc.pre(key !== '');
        expect(partitionFor(key, count)).toBe(chosenByKafkajs(key, count));
      }),
      { numRuns: 500 },
    );
  });
});
