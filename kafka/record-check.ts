// What is wrong with a record before it is sent: refused here it cannot hold up its neighbours in a batch. Pure.
import { PmcError } from '../service/errors.ts';
import type { AppendRecord, TopicPartition } from './log.ts';
import { UTF8_BYTES_MAX } from './write-text.ts';

/** A batch's own header, and at most what one record takes besides its texts: lengths, deltas, counts. */
const BATCH_OVERHEAD_BYTES = 61;
const RECORD_OVERHEAD_BYTES = 30;
const HEADER_OVERHEAD_BYTES = 10;
/** What a number of variable length has room for, exactly. */
const TIMESTAMP_MS_MAX = 2 ** 52;

/** PMC_RECORD_INVALID for what the compiler would not have let through; a log has no way to write it down. */
export function invalidRecord(to: TopicPartition, record: AppendRecord): PmcError | undefined {
  const { key, value, headers, timestampMs }: Record<keyof AppendRecord, unknown> = record;
  const problem = !Buffer.isBuffer(value)
    ? `its value is ${kindOf(value)}, not bytes`
    : key !== null && typeof key !== 'string'
      ? `its key is ${kindOf(key)}, not text or null`
      : !Number.isSafeInteger(timestampMs) || Number(timestampMs) < 0 || Number(timestampMs) > TIMESTAMP_MS_MAX
        ? `its timestamp is ${String(timestampMs)}, not milliseconds since 1970`
        : headerProblem(headers);
  if (problem === undefined) return undefined;
  return new PmcError('PMC_RECORD_INVALID', `a record for ${to.topic}-${to.partition} cannot be written: ${problem}`, {
    ...to,
  });
}

/** PMC_RECORD_TOO_LARGE for what would not fit into a batch of its own of this size. */
export function oversizeRecord(to: TopicPartition, record: AppendRecord, bytesMax: number): PmcError | undefined {
  // Nearly every record is far below the limit.
  if (roughBytesMax(record) <= bytesMax) return undefined;
  const sizeBytes = storedBytesMax(record);
  if (sizeBytes <= bytesMax) return undefined;
  const message = `a record for ${to.topic}-${to.partition} has ${sizeBytes} bytes, PMC_KAFKA_RECORD_BYTES_MAX allows ${bytesMax}`;
  return new PmcError('PMC_RECORD_TOO_LARGE', message, { ...to, sizeBytes, bytesMax });
}

/** At least what the record takes on the log when it is alone in its batch, uncompressed, found without looking at any text. */
function roughBytesMax({ key, value, headers }: AppendRecord): number {
  let units = key === null ? 0 : key.length;
  let bytes = BATCH_OVERHEAD_BYTES + RECORD_OVERHEAD_BYTES + value.length;
  for (const name in headers) {
    units += name.length + (headers[name] as string).length;
    bytes += HEADER_OVERHEAD_BYTES;
  }
  return bytes + units * UTF8_BYTES_MAX;
}

/** What the record takes on the log when it is alone in its batch, uncompressed; never less. */
function storedBytesMax({ key, value, headers }: AppendRecord): number {
  let bytes = BATCH_OVERHEAD_BYTES + RECORD_OVERHEAD_BYTES + value.length + (key === null ? 0 : Buffer.byteLength(key));
  for (const [name, text] of Object.entries(headers)) {
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  return bytes;
}

function headerProblem(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return `its headers are ${kindOf(headers)}`;
  for (const name in headers) {
    const text = (headers as Readonly<Record<string, unknown>>)[name];
    if (typeof text !== 'string') return `its header ${name} is ${kindOf(text)}, not text`;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
