import { describe, expect, test } from 'vitest';
import type { AppendRecord } from './log.ts';
import { invalidRecord, oversizeRecord } from './record-check.ts';

const TO = { topic: 'pmc.messages.incoming', partition: 3 };
const GOOD: AppendRecord = { key: 'k', value: Buffer.from('v'), headers: { source: 's' }, timestampMs: 5 };

describe('a record that cannot be written', () => {
  test.for<[string, Partial<Record<keyof AppendRecord, unknown>>]>([
    ['its value is undefined, not bytes', { value: undefined }],
    ['its value is null, not bytes', { value: null }],
    ['its value is string, not bytes', { value: 'v' }],
    ['its key is undefined, not text or null', { key: undefined }],
    ['its timestamp is NaN', { timestampMs: Number.NaN }],
    ['its timestamp is -1', { timestampMs: -1 }],
    ['its headers are undefined', { headers: undefined }],
    ['its header source is undefined, not text', { headers: { source: undefined } }],
  ])('is told: %s', ([why, wrong]) => {
    const error = invalidRecord(TO, { ...GOOD, ...wrong } as AppendRecord);
    expect(error).toMatchObject({ code: 'PMC_RECORD_INVALID', details: TO });
    expect(error?.message).toContain(`pmc.messages.incoming-3 cannot be written: ${why}`);
  });

  test('is none that is well made', () => {
    expect(invalidRecord(TO, GOOD)).toBeUndefined();
    expect(
      invalidRecord(TO, { ...GOOD, key: null, headers: {}, value: Buffer.alloc(0), timestampMs: 0 }),
    ).toBeUndefined();
  });
});

test('a record is too large when it does not fit with all that is stored around it', () => {
  const withValue = (bytes: number): AppendRecord => ({ ...GOOD, key: 'é', value: Buffer.alloc(bytes) });
  const around = 61 + 30 + 2 + 10 + 'source'.length + 's'.length;
  expect(oversizeRecord(TO, withValue(1_000 - around), 1_000)).toBeUndefined();
  expect(oversizeRecord(TO, withValue(1_001 - around), 1_000)).toMatchObject({
    code: 'PMC_RECORD_TOO_LARGE',
    message: expect.stringContaining('has 1001 bytes, PMC_KAFKA_RECORD_BYTES_MAX allows 1000'),
  });
});

test('a limit that the rough look cannot tell is looked at closely', () => {
  const text = 'é'.repeat(100);
  const record: AppendRecord = { ...GOOD, key: text, value: Buffer.alloc(10), headers: { [text]: text } };
  const stored = 61 + 30 + 200 + 10 + 10 + 400;
  expect(oversizeRecord(TO, record, stored)).toBeUndefined();
  expect(oversizeRecord(TO, record, stored - 1)).toMatchObject({ code: 'PMC_RECORD_TOO_LARGE' });
});
