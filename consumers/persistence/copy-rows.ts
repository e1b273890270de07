// Pure: rows as PostgreSQL's binary COPY format, which neither side has to parse. The column list comes from the same place as
// the values: a column added to the tables does not compile here until it has a writer.
import { UTF8_BYTES_MAX, writeText } from '../../kafka/write-text.ts';
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
/**
 * Buffers that were written out and can be written to again, one for each partition that a reader has in hand: with a new megabyte for
 * every batch, V8 looks through its whole heap twice as often. Larger ones are rare, and not kept.
 */
const SPARE: Buffer[] = [];
const SPARES_MAX = 3;
const NO_BYTES = Buffer.alloc(0);
const SPARE_BYTES_MAX = 2 * 1_048_576;

const NO_DIGIT = 0xff;
/** What a hexadecimal digit stands for, by its code. */
const DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit += 1) DIGITS[digit.toString(16).charCodeAt(0)] = digit;

/** Grows as it is written to. */
class Bytes {
  #buffer: Buffer;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = SPARE.pop() ?? Buffer.allocUnsafe(capacity);
    this.#view = viewOf(this.#buffer);
  }

  get written(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  free(): void {
    const { length } = this.#buffer;
    if (SPARE.length < SPARES_MAX && length > 0 && length <= SPARE_BYTES_MAX) SPARE.push(this.#buffer);
    // Nothing is freed twice.
    this.#buffer = NO_BYTES;
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
    this.#length += bytes.length;
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#view.setInt16(at, value);
    this.#length = at + 2;
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value);
    this.#length = at + 4;
  }

  int64(value: bigint): void {
    const at = this.#room(INT8_BYTES);
    this.#view.setBigInt64(at, value);
    this.#length = at + INT8_BYTES;
  }

  /** Its length in bytes, then the text. */
  text(value: string): void {
    const at = this.#room(4 + value.length * UTF8_BYTES_MAX);
    const size = writeText(this.#buffer, value, at + 4);
    this.#view.setInt32(at, size);
    this.#length = at + 4 + size;
  }

  uuid(value: string): void {
    let at = this.#room(UUID_BYTES);
    let high = NO_DIGIT;
    for (let index = 0; index < value.length; index += 1) {
      const digit = DIGITS[value.charCodeAt(index)] ?? NO_DIGIT;
      if (digit === NO_DIGIT) continue;
      if (high === NO_DIGIT) high = digit;
      else {
        this.#buffer[at] = (high << 4) | digit;
        at += 1;
        high = NO_DIGIT;
      }
    }
    this.#length = at;
  }

  /** Microseconds since 2000. */
  time(timeMs: number): void {
    const micros = (timeMs - YEAR_2000_MS) * 1_000;
    if (!Number.isSafeInteger(micros)) return this.int64(BigInt(timeMs - YEAR_2000_MS) * 1_000n);
    const at = this.#room(INT8_BYTES);
    const high = Math.floor(micros / HIGH_WORD);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, micros - high * HIGH_WORD);
    this.#length = at + INT8_BYTES;
  }

  /** Where the next bytes go, of which there may be so many. */
  #room(bytes: number): number {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
      this.#view = viewOf(grown);
    }
    return this.#length;
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
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
    out.uuid(value);
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
export interface StoredRow extends Pick<Row, 'recordOffset' | 'flags'> {
  /** Milliseconds since the Unix epoch. */
  readonly receivedAtMs: number;
}

export function asStored({ recordOffset, receivedAt, flags }: Row): StoredRow {
  return { recordOffset, receivedAtMs: receivedAt.getTime(), flags };
}

/** Rows for COPY_ROWS, at least one: nothing is kept of them but their bytes, so that the collector of garbage has nothing to carry. */
export interface WrittenRows {
  readonly bytes: Buffer;
  readonly rows: readonly StoredRow[];
  /** Says that nobody reads the bytes any more: they are written over. */
  readonly free: () => void;
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
    this.#rows.push(asStored(row));
  }

  end(): WrittenRows {
    this.#out.int16(TRAILER);
    return { bytes: this.#out.written, rows: this.#rows, free: () => this.#out.free() };
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
