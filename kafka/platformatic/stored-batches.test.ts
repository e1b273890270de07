import { expect, test } from 'vitest';
import type { LogRecord, RangeEntry } from '../log.ts';
import { decodeBatches, type StoredBatch } from './decode-batches.ts';
import { type Content, storedBytes } from './stored-batches.testing.ts';
import { BatchKinds, entriesOf, rangeOfBatches, rangeOfEntries } from './stored-batches.ts';

const FROM = { topic: 't', partition: 3 };
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

function batch(baseOffset: bigint, contents: readonly Content[], attributes = 0, producerId = -1n): StoredBatch {
  return decodeBatches(storedBytes(contents, { baseOffset, attributes, producerId }))[0] as StoredBatch;
}

function data(baseOffset: bigint, count: number, attributes = 0, producerId = -1n): StoredBatch {
  const contents = Array.from({ length: count }, (_, i) => ({
    value: Buffer.from(String(i)),
    headers: new Map([[Buffer.from('h'), Buffer.from('v')]]),
    timestamp: BigInt(1_000 + i),
  }));
  return batch(baseOffset, contents, attributes, producerId);
}

/** The marker that ends a transaction: its key is a version and what became of it. */
function marker(baseOffset: bigint, producerId: bigint, end: 'aborted' | 'committed'): StoredBatch {
  const key = Buffer.from([0, 0, 0, end === 'aborted' ? 0 : 1]);
  return batch(baseOffset, [{ key, value: Buffer.alloc(6), timestamp: 1n }], CONTROL | TRANSACTIONAL, producerId);
}

const control = (offset: bigint): StoredBatch => marker(offset, 1n, 'committed');
const offsetsOf = ({ records }: { readonly records: readonly LogRecord[] }): readonly number[] =>
  records.map(({ offset }) => Number(offset));

test('records carry what was appended, from the position on', () => {
  const range = rangeOfBatches(FROM, [data(10n, 3), data(13n, 2)], [], 11n);
  expect(offsetsOf(range)).toEqual([11, 12, 13, 14]);
  expect(range).toMatchObject({ ...FROM, next: 15n, first: 11n });
  const [first] = range.records as [LogRecord];
  const { key, headers } = first;
  expect({ ...first, key, headers }).toEqual({
    ...FROM,
    offset: 11n,
    timestampMs: 1_001,
    key: null,
    value: Buffer.from('1'),
    headers: { h: Buffer.from('v') },
  });
});

test.for<[string, readonly StoredBatch[], position: bigint, next: bigint, first: bigint]>([
  ['nothing', [], 10n, 10n, 10n],
  ['control records alone are passed', [control(10n), control(11n)], 10n, 12n, 10n],
  [
    'control records before the first record are legal holes',
    [control(10n), control(11n), data(12n, 1)],
    10n,
    13n,
    10n,
  ],
  ['a jump to the first record is not', [data(12n, 1)], 10n, 13n, 12n],
  ['a jump to a control record is not', [control(12n), data(13n, 1)], 10n, 14n, 12n],
  ['a jump behind a control record is not', [control(10n), data(12n, 1)], 10n, 13n, 12n],
  ['control records behind the first record are passed', [data(10n, 1), control(11n)], 10n, 12n, 10n],
])('%s', ([, batches, position, next, first]) => {
  expect(rangeOfBatches(FROM, batches, [], position)).toMatchObject({ next, first });
});

test('entries tell the same of aborted data', () => {
  const [record] = rangeOfBatches(FROM, [data(12n, 1)], [], 12n).records as [LogRecord];
  const entries: readonly RangeEntry[] = [
    { kind: 'aborted', offset: 10n },
    { kind: 'control', offset: 11n },
    { kind: 'record', record, leaderEpoch: 0 },
    { kind: 'aborted', offset: 13n },
  ];
  expect(rangeOfEntries(FROM, entries, 10n)).toMatchObject({ records: [record], next: 14n, first: 10n });
  expect(rangeOfEntries(FROM, entries, 9n)).toMatchObject({ first: 10n });
});

test('of transactions that overlap, what each aborted is told from what it committed later and from what others wrote', () => {
  const [one, two] = [7n, 8n];
  const batches = [
    data(0n, 2, TRANSACTIONAL, one),
    data(2n, 1, TRANSACTIONAL, two),
    data(3n, 1),
    marker(4n, one, 'aborted'),
    data(5n, 1, TRANSACTIONAL, one),
    data(6n, 1, TRANSACTIONAL, two),
    marker(7n, one, 'committed'),
    marker(8n, two, 'aborted'),
    data(9n, 1, TRANSACTIONAL, two),
  ];
  // The order of the broker's list is not that of the log.
  const aborted = [
    { producerId: two, firstOffset: 2n },
    { producerId: one, firstOffset: 0n },
  ];
  const kinds = new BatchKinds(aborted);
  expect(batches.flatMap((one) => entriesOf(FROM, one, kinds)).map(({ kind }) => kind)).toEqual([
    ...['aborted', 'aborted', 'aborted', 'record', 'control', 'record', 'aborted', 'control', 'control', 'record'],
  ]);
  const range = rangeOfBatches(FROM, batches, aborted, 0n);
  expect(offsetsOf(range)).toEqual([3, 5, 9]);
  expect(range).toMatchObject({ first: 0n, next: 10n });
});
