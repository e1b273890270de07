import { describe, expect, test } from 'vitest';
import type { LogRecord, RangeEntry } from '../log.ts';
import { type Content, storedBytes } from './stored-batches.testing.ts';
import { entriesOf, rangeOf, rangeOfEntries } from './stored-batches.ts';

const FROM = { topic: 't', partition: 3 };
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const NONE = { abortedTransactions: null };

function batch(baseOffset: bigint, contents: readonly Content[], attributes = 0, producerId = -1n): Buffer {
  return storedBytes(contents, { baseOffset, attributes, producerId });
}

function data(baseOffset: bigint, count: number, attributes = 0, producerId = -1n): Buffer {
  const contents = Array.from({ length: count }, (_, i) => ({
    value: Buffer.from(String(i)),
    headers: new Map([[Buffer.from('h'), Buffer.from('v')]]),
    timestamp: BigInt(1_000 + i),
  }));
  return batch(baseOffset, contents, attributes, producerId);
}

/** The marker that ends a transaction: its key is a version and what became of it. */
function marker(baseOffset: bigint, producerId: bigint, end: 'aborted' | 'committed'): Buffer {
  const key = Buffer.from([0, 0, 0, end === 'aborted' ? 0 : 1]);
  return batch(baseOffset, [{ key, value: Buffer.alloc(6), timestamp: 1n }], CONTROL | TRANSACTIONAL, producerId);
}

const control = (offset: bigint): Buffer => marker(offset, 1n, 'committed');
const offsetsOf = ({ records }: { readonly records: readonly LogRecord[] }): readonly number[] =>
  records.map(({ offset }) => Number(offset));

test('records carry what was appended, from the position on', () => {
  const range = rangeOf(FROM, { ...NONE, stored: Buffer.concat([data(10n, 3), data(13n, 2)]) }, 11n);
  expect(offsetsOf(range)).toEqual([11, 12, 13, 14]);
  expect(range).toMatchObject({ ...FROM, next: 15n, first: 11n });
  expect(range.records[0]).toMatchObject({
    ...FROM,
    offset: 11n,
    timestampMs: 1_001,
    key: null,
    value: Buffer.from('1'),
    headers: { h: Buffer.from('v') },
  });
});

test.for<[string, readonly Buffer[], position: bigint, next: bigint, first: bigint]>([
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
  expect(rangeOf(FROM, { ...NONE, stored: Buffer.concat(batches) }, position)).toMatchObject({ next, first });
});

test('entries tell the same of aborted data', () => {
  const [record] = rangeOf(FROM, { ...NONE, stored: data(12n, 1) }, 12n).records as [LogRecord];
  const entries: readonly RangeEntry[] = [
    { kind: 'aborted', offset: 10n },
    { kind: 'control', offset: 11n },
    { kind: 'record', record, leaderEpoch: 0 },
    { kind: 'aborted', offset: 13n },
  ];
  expect(rangeOfEntries(FROM, entries, 10n)).toMatchObject({ records: [record], next: 14n, first: 10n });
  expect(rangeOfEntries(FROM, entries, 9n)).toMatchObject({ first: 10n });
});

describe('of transactions', () => {
  const [one, two] = [7n, 8n];

  test('that overlap, what each aborted is told from what it committed later and from what others wrote', () => {
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
    const abortedTransactions = [
      { producerId: two, firstOffset: 2n },
      { producerId: one, firstOffset: 0n },
    ];
    const answered = { stored: Buffer.concat(batches), abortedTransactions };
    expect(entriesOf(FROM, answered, 0n).entries.map(({ kind }) => kind)).toEqual([
      ...['aborted', 'aborted', 'aborted', 'record', 'control', 'record', 'aborted', 'control', 'control', 'record'],
    ]);
    const range = rangeOf(FROM, answered, 0n);
    expect(offsetsOf(range)).toEqual([3, 5, 9]);
    expect(range).toMatchObject({ first: 0n, next: 10n });
  });

  // The broker names a transaction as long as its marker lies at or behind the offset that was asked for.
  test.for<[string, lower: bigint, kinds: readonly string[]]>([
    ['others lie before its marker', 7n, ['record', 'control', 'record']],
    ['its marker is the first', 8n, ['control', 'record']],
  ])(
    'whose data lies before what was fetched, what the producer commits next is none of it: %s',
    ([, lower, kinds]) => {
      const abortedTransactions = [{ producerId: one, firstOffset: 2n }];
      const batches = [data(7n, 1), marker(8n, one, 'aborted'), data(9n, 1, TRANSACTIONAL, one)];
      const answered = { stored: Buffer.concat(batches.slice(Number(lower - 7n))), abortedTransactions };
      expect(entriesOf(FROM, answered, lower).entries.map(({ kind }) => kind)).toEqual(kinds);
      expect(offsetsOf(rangeOf(FROM, answered, lower))).toEqual(
        kinds.flatMap((kind, i) => (kind === 'record' ? [Number(lower) + i] : [])),
      );
    },
  );
});

test('no more is taken at once than what is unpacked from one batch at most, and another of them; the next fetch goes on there', () => {
  const content = { value: Buffer.alloc(30_000_000), timestamp: 1n };
  const batches = [0n, 1n, 2n, 3n, 4n].map((baseOffset) => storedBytes([content], { baseOffset, compression: 'gzip' }));
  const first = { ...NONE, stored: Buffer.concat(batches) };
  expect(offsetsOf(rangeOf(FROM, first, 0n))).toEqual([0, 1, 2]);
  expect(rangeOf(FROM, first, 0n)).toMatchObject({ first: 0n, next: 3n });
  expect(entriesOf(FROM, first, 0n)).toMatchObject({ entries: { length: 3 }, next: 3n });
  const second = { ...NONE, stored: Buffer.concat(batches.slice(3)) };
  expect(offsetsOf(rangeOf(FROM, second, 3n))).toEqual([3, 4]);
  // What lies before the position is no answer, however large.
  expect(offsetsOf(rangeOf(FROM, first, 4n))).toEqual([4]);
});

describe('a batch that cannot be read', () => {
  const damaged = data(12n, 2);
  damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;

  test('holds up what comes behind it, and nothing before it', () => {
    const answered = { ...NONE, stored: Buffer.concat([data(10n, 2), damaged, data(14n, 1)]) };
    expect(rangeOf(FROM, answered, 10n)).toMatchObject({ next: 12n, first: 10n });
    expect(offsetsOf(rangeOf(FROM, answered, 10n))).toEqual([10, 11]);
    expect(entriesOf(FROM, answered, 10n)).toMatchObject({ next: 12n });
  });

  test.for<[string, Buffer]>([
    ['is an error where it is the first', Buffer.concat([damaged, data(14n, 1)])],
    ['is an error where its length says that it goes on', withLength(data(12n, 2), 4_096)],
    ['is an error where it ends before the offset that was asked for', data(9n, 2)],
  ])('%s', ([, stored]) => {
    expect(() => rangeOf(FROM, { ...NONE, stored }, 12n)).toThrow(RangeError);
  });
});

function withLength(bytes: Buffer, length: number): Buffer {
  bytes.writeInt32BE(length, 8);
  return bytes;
}
