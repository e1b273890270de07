import { createRecordsBatch, Reader, type RecordsBatch, readRecordsBatch } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import type { LogRecord, RangeEntry } from '../log.ts';
import { rangeOfBatches, rangeOfEntries } from './stored-batches.ts';

const FROM = { topic: 't', partition: 3 };
const CONTROL = 0x20;

function data(firstOffset: bigint, count: number): RecordsBatch {
  const messages = Array.from({ length: count }, (_, i) => ({
    ...FROM,
    value: Buffer.from(String(i)),
    headers: new Map([[Buffer.from('h'), Buffer.from('v')]]),
    timestamp: BigInt(1_000 + i),
  }));
  return { ...readRecordsBatch(Reader.from(createRecordsBatch(messages).buffer)), firstOffset };
}

const control = (offset: bigint): RecordsBatch => ({ ...data(offset, 1), attributes: CONTROL });
const offsetsOf = ({ records }: { readonly records: readonly LogRecord[] }): readonly number[] =>
  records.map(({ offset }) => Number(offset));

test('records carry what was appended, from the position on', () => {
  const range = rangeOfBatches(FROM, [data(10n, 3), data(13n, 2)], 11n);
  expect(offsetsOf(range)).toEqual([11, 12, 13, 14]);
  expect(range).toMatchObject({ ...FROM, next: 15n, first: 11n });
  expect(range.records[0]).toEqual({
    ...FROM,
    offset: 11n,
    timestampMs: 1_001,
    key: null,
    value: Buffer.from('1'),
    headers: { h: Buffer.from('v') },
  });
});

test.for<[string, readonly RecordsBatch[], position: bigint, next: bigint, first: bigint]>([
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
  expect(rangeOfBatches(FROM, batches, position)).toMatchObject({ next, first });
});

test('entries tell the same of aborted data', () => {
  const [record] = rangeOfBatches(FROM, [data(12n, 1)], 12n).records as [LogRecord];
  const entries: readonly RangeEntry[] = [
    { kind: 'aborted', offset: 10n },
    { kind: 'control', offset: 11n },
    { kind: 'record', record, leaderEpoch: 0 },
    { kind: 'aborted', offset: 13n },
  ];
  expect(rangeOfEntries(FROM, entries, 10n)).toMatchObject({ records: [record], next: 14n, first: 10n });
  expect(rangeOfEntries(FROM, entries, 9n)).toMatchObject({ first: 10n });
});
