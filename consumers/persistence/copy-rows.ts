// Pure: rows as PostgreSQL's binary COPY format, which neither side has to parse. The column list comes from the same place as
// the values: a column added to the tables does not compile here until it has a writer.
import { messageMetadata } from '../../schemas/database/tables.ts';
import type { Row } from './rows.ts';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = -1;
const NULL = -1;
const TEXT_OID = 25;
const INT8_BYTES = 8;
const UUID_BYTES = 16;
/** PostgreSQL counts microseconds from 2000. */
const YEAR_2000_MS = 946_684_800_000;
const HIGH_WORD = 2 ** 32;
const BYTES_OF_A_ROW = 1_024;

/** Grows as it is written to. */
class Bytes {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get written(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeInt16BE(value, this.#length);
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
  }

  /** Its length in bytes, then the text. */
  text(value: string): void {
    this.#reserve(4 + value.length * 3);
    const size = this.#buffer.write(value, this.#length + 4);
    this.#buffer.writeInt32BE(size, this.#length);
    this.#length += 4 + size;
  }

  hex(value: string, bytes: number): void {
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, bytes, 'hex');
  }

  /** Microseconds since 2000. */
  time(timeMs: number): void {
    const micros = (timeMs - YEAR_2000_MS) * 1_000;
    if (!Number.isSafeInteger(micros)) return this.int64(BigInt(timeMs - YEAR_2000_MS) * 1_000n);
    this.#reserve(8);
    const high = Math.floor(micros / HIGH_WORD);
    this.#length = this.#buffer.writeInt32BE(high, this.#length);
    this.#length = this.#buffer.writeUInt32BE(micros - high * HIGH_WORD, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

type Write = (out: Bytes, row: Row) => void;

const text =
  (of: (row: Row) => string | null): Write =>
  (out, row) => {
    const value = of(row);
    if (value === null) out.int32(NULL);
    else out.text(value);
  };
const int64 =
  (of: (row: Row) => bigint | null): Write =>
  (out, row) => {
    const value = of(row);
    if (value === null) return out.int32(NULL);
    out.int32(INT8_BYTES);
    out.int64(value);
  };
const uuid =
  (of: (row: Row) => string | null): Write =>
  (out, row) => {
    const value = of(row);
    if (value === null) return out.int32(NULL);
    out.int32(UUID_BYTES);
    out.hex(value.replaceAll('-', ''), UUID_BYTES);
  };
const time =
  (of: (row: Row) => Date | null): Write =>
  (out, row) => {
    const value = of(row);
    if (value === null) return out.int32(NULL);
    out.int32(INT8_BYTES);
    out.time(value.getTime());
  };

const WRITE = {
  id: uuid((row) => row.id),
  timestamp: time((row) => row.timestamp),
  sender: text((row) => row.sender),
  type: text((row) => row.type),
  rawPayload: text((row) => row.rawPayload),
  incarnation: uuid((row) => row.incarnation),
  partition: (out, { partition }) => {
    out.int32(4);
    out.int32(partition);
  },
  recordOffset: int64((row) => row.recordOffset),
  source: text((row) => row.source),
  eventId: text((row) => row.eventId),
  kind: text((row) => row.kind),
  chat: text((row) => row.chat),
  actor: text((row) => row.actor),
  content: text((row) => row.content),
  refId: text((row) => row.refId),
  stream: text((row) => row.stream),
  streamEpoch: text((row) => row.streamEpoch),
  seq: int64((row) => row.seq),
  gatewayEpoch: text((row) => row.gatewayEpoch),
  ingestSeq: int64((row) => row.ingestSeq),
  receivedAt: time((row) => row.receivedAt),
  flags: (out, { flags }) => writeArray(out, flags),
  identity: uuid((row) => row.identity),
} satisfies Record<keyof Row, Write>;

const COLUMNS = Object.keys(WRITE) as (keyof Row)[];
const WRITERS: readonly Write[] = Object.values(WRITE);

export const COPY_ROWS = `copy message_metadata (${COLUMNS.map((key) => messageMetadata[key].name).join(', ')})
  from stdin (format binary)`;

/** What is left to say of a row that is written out. */
export type StoredRow = Pick<Row, 'recordOffset' | 'receivedAt' | 'flags'>;

/** Rows for COPY_ROWS, at least one: nothing is kept of them but their bytes, so that the collector of garbage has nothing to carry. */
export interface WrittenRows {
  readonly bytes: Buffer;
  readonly rows: readonly StoredRow[];
}

export class RowWriter {
  readonly #out: Bytes;
  readonly #rows: StoredRow[] = [];

  constructor(rowsExpected: number) {
    this.#out = new Bytes(rowsExpected * BYTES_OF_A_ROW);
    this.#out.raw(SIGNATURE);
  }

  add(row: Row): void {
    this.#out.int16(WRITERS.length);
    for (const write of WRITERS) write(this.#out, row);
    const { recordOffset, receivedAt, flags } = row;
    this.#rows.push({ recordOffset, receivedAt, flags });
  }

  end(): WrittenRows {
    this.#out.int16(TRAILER);
    return { bytes: this.#out.written, rows: this.#rows };
  }
}

/** A text[] of one dimension that begins at 1; PostgreSQL has the empty one without any. */
function writeArray(out: Bytes, values: readonly string[]): void {
  const size = values.reduce((sum, value) => sum + 4 + Buffer.byteLength(value), 0);
  out.int32(values.length === 0 ? 12 : 20 + size);
  out.int32(values.length === 0 ? 0 : 1);
  out.int32(0);
  out.int32(TEXT_OID);
  if (values.length === 0) return;
  out.int32(values.length);
  out.int32(1);
  for (const value of values) out.text(value);
}
