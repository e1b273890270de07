import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TopicPartition } from '../log.ts';
import { SentBatch, SequenceNumbers } from './sequence-numbers.ts';

const [ONE, OTHER]: readonly TopicPartition[] = [
  { topic: 'a', partition: 0 },
  { topic: 'a', partition: 1 },
] as const;

function batchOf(count: number): SentBatch {
  const record = { key: null, value: Buffer.alloc(0), headers: {}, timestampMs: 0 };
  return new SentBatch(Array.from({ length: count }, () => record));
}

test('the batches of a partition follow one another without a gap, whatever other partitions do', () => {
  const send = fc.record({ to: fc.constantFrom(ONE, OTHER), count: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(fc.array(send), (sends) => {
      const numbers = new SequenceNumbers();
      for (const to of [ONE, OTHER]) {
        let next = 0;
        for (const one of sends.filter((each) => each.to === to)) {
          expect(numbers.baseOf(batchOf(one.count), to, 7n)).toBe(next);
          next += one.count;
        }
      }
    }),
  );
});

test('a batch that is sent again has the number that it had, also behind others', () => {
  const numbers = new SequenceNumbers();
  const [first, second] = [batchOf(3), batchOf(2)];
  expect(numbers.baseOf(first, ONE, 7n)).toBe(0);
  expect(numbers.baseOf(first, ONE, 7n)).toBe(0);
  expect(numbers.baseOf(second, ONE, 7n)).toBe(3);
  expect(numbers.baseOf(first, ONE, 7n)).toBe(0);
  expect(numbers.baseOf(batchOf(1), ONE, 7n)).toBe(5);
});

test('the same records in another send have a number of their own: with the one before, the broker would not store them', () => {
  const numbers = new SequenceNumbers();
  const { records } = batchOf(3);
  expect([1, 2].map(() => numbers.baseOf(new SentBatch(records), ONE, 7n))).toEqual([0, 3]);
});

test('each producer id counts from 0, and a send that still has the one before goes on there', () => {
  const numbers = new SequenceNumbers();
  const sentAgain = batchOf(3);
  expect(numbers.baseOf(batchOf(2), ONE, 7n)).toBe(0);
  expect(numbers.baseOf(sentAgain, ONE, 7n)).toBe(2);
  expect(numbers.baseOf(sentAgain, ONE, 8n)).toBe(0);
  expect(numbers.baseOf(batchOf(1), ONE, 8n)).toBe(3);
  expect(numbers.baseOf(batchOf(1), ONE, 7n)).toBe(5);
});

test('a producer with more ids than are remembered numbers nothing any more under a new one', () => {
  const numbers = new SequenceNumbers();
  for (let id = 1n; id <= 1_000n; id += 1n) numbers.baseOf(batchOf(1), ONE, id);
  expect(() => numbers.baseOf(batchOf(1), ONE, 1_001n)).toThrow('1000 ids');
  expect(numbers.baseOf(batchOf(1), ONE, 1n)).toBe(1);
});
