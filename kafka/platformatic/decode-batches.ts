// What a broker stores, read where it lies: batches of the log's format (magic 2) and their records, in one pass over the bytes. The
// library makes an array, a BigInt and a copy of every number that it reads.
import type { LogRecord, Offset, TopicPartition } from '../log.ts';
import { ByteCursor } from '../varint.ts';
import { checksum } from './checksum.ts';
import { unpack } from './unpack.ts';

/** Base offset and length: what a batch has before the bytes that its length counts. */
const PREFIX_BYTES = 12;
const HEADER_BYTES = 61;
/** What the checksum is of begins there. */
const ATTRIBUTES_AT = 21;
const MAGIC = 2;
const COMPRESSION = 0x07;
/** The broker's time counts, which stands in the batch alone. */
const APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** An abort marker is a control record whose key is (version 0, type 0). */
const ABORT_MARKER_TYPE = 0;

/** The batches that are there whole: a broker cuts off the last one where the answer is full. RangeError at what is none, or damaged. */
export function* decodeBatches(bytes: Buffer): Generator<StoredBatch> {
  for (let at = 0; at + PREFIX_BYTES <= bytes.length; ) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (end > bytes.length) return;
    if (end < at + HEADER_BYTES || bytes[at + 16] !== MAGIC) throw new RangeError(`no batch of format 2 at byte ${at}`);
    if (checksum(bytes.subarray(at + ATTRIBUTES_AT, end)) !== bytes.readUInt32BE(at + 17)) {
      throw new RangeError(`the batch at offset ${bytes.readBigInt64BE(at)} has not the bytes that its checksum is of`);
    }
    yield new StoredBatch(bytes, at, end);
    at = end;
  }
}

export class StoredBatch {
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #end: number;
  readonly #attributes: number;
  #unpackedBytes = 0;
  readonly baseOffset: Offset;
  /** One past the last offset that the batch covers, which a compacted batch may have no record at. */
  readonly end: Offset;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#attributes = bytes.readInt16BE(at + ATTRIBUTES_AT);
    this.baseOffset = bytes.readBigInt64BE(at);
    this.end = this.baseOffset + BigInt(bytes.readInt32BE(at + 23)) + 1n;
  }

  /** What its records were unpacked to: each of them keeps all of it in memory. None where they were not asked for, or lie as they are. */
  get unpackedBytes(): number {
    return this.#unpackedBytes;
  }

  get leaderEpoch(): number {
    return this.#bytes.readInt32BE(this.#at + 12);
  }

  get producerId(): bigint {
    return this.#bytes.readBigInt64BE(this.#at + 43);
  }

  get isTransactional(): boolean {
    return (this.#attributes & TRANSACTIONAL) !== 0;
  }

  get isControl(): boolean {
    return (this.#attributes & CONTROL) !== 0;
  }

  /** Of a control batch: whether it says that its producer's transaction was aborted. */
  get isAbortMarker(): boolean {
    const { key } = this.records({ topic: '', partition: 0 })[0] ?? { key: null };
    return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER_TYPE;
  }

  /** RangeError where the bytes are no records; PMC_COMPRESSION_UNREADABLE where they cannot be unpacked. */
  records(of: TopicPartition): readonly LogRecord[] {
    const isOfBroker = (this.#attributes & APPEND_TIME) !== 0;
    const timeMs = Number(this.#bytes.readBigInt64BE(this.#at + (isOfBroker ? 35 : 27)));
    const count = this.#bytes.readInt32BE(this.#at + 57);
    const cursor = this.#unpacked();
    const { topic, partition } = of;
    const shared = { topic, partition, bytes: cursor.bytes, baseOffset: this.baseOffset, timeMs, isOfBroker };
    const records: LogRecord[] = [];
    for (let index = 0; index < count; index += 1) records.push(new StoredRecord(shared, cursor));
    if (cursor.at !== cursor.end)
      throw new RangeError(`${cursor.end - cursor.at} bytes behind the last of ${count} records`);
    return records;
  }

  #unpacked(): ByteCursor {
    const from = this.#at + HEADER_BYTES;
    const type = this.#attributes & COMPRESSION;
    if (type === 0) return new ByteCursor(this.#bytes, from, this.#end);
    const unpacked = unpack(this.#bytes.subarray(from, this.#end), type);
    this.#unpackedBytes = unpacked.length;
    return new ByteCursor(unpacked, 0, unpacked.length);
  }
}

/** What the records of a batch have in common. */
interface Shared extends TopicPartition {
  readonly bytes: Buffer;
  readonly baseOffset: Offset;
  /** The time of all records, or what theirs are counted from. */
  readonly timeMs: number;
  readonly isOfBroker: boolean;
}

/**
 * A record where it lies: whoever does not ask for its key or its headers does not pay for them. Thousands of them wait for whoever
 * handles them, and the collector of garbage carries what waits: so it is a few small numbers until its value is asked for.
 */
class StoredRecord implements LogRecord {
  readonly #shared: Shared;
  readonly #deltaMs: number;
  readonly #delta: number;
  readonly #keyAt: number;
  readonly #valueAt: number;
  readonly #headersAt: number;
  readonly #end: number;
  #value: Buffer | null | undefined;

  /** Reads the record at the cursor and moves behind it. */
  constructor(shared: Shared, cursor: ByteCursor) {
    const length = cursor.varint();
    const end = cursor.at + length;
    // Nothing uses the attributes of a record yet.
    cursor.skip(1);
    this.#shared = shared;
    this.#deltaMs = cursor.varint();
    this.#delta = cursor.varint();
    this.#keyAt = cursor.at;
    cursor.skip(Math.max(0, cursor.varint()));
    this.#valueAt = cursor.at;
    cursor.skip(Math.max(0, cursor.varint()));
    this.#headersAt = cursor.at;
    this.#end = end;
    if (end < cursor.at || end > cursor.end)
      throw new RangeError(`a record of ${length} bytes ends at ${end}, not here`);
    cursor.at = end;
  }

  get topic(): string {
    return this.#shared.topic;
  }

  get partition(): number {
    return this.#shared.partition;
  }

  get offset(): Offset {
    return this.#shared.baseOffset + BigInt(this.#delta);
  }

  get timestampMs(): number {
    const { timeMs, isOfBroker } = this.#shared;
    return isOfBroker ? timeMs : timeMs + this.#deltaMs;
  }

  get key(): Buffer | null {
    return this.#bytesAt(this.#keyAt);
  }

  get value(): Buffer | null {
    if (this.#value === undefined) this.#value = this.#bytesAt(this.#valueAt);
    return this.#value;
  }

  get headers(): Readonly<Record<string, Buffer>> {
    const cursor = new ByteCursor(this.#shared.bytes, this.#headersAt, this.#end);
    const headers: Record<string, Buffer> = {};
    for (let left = cursor.varint(); left > 0; left -= 1) {
      const [name, content] = [readBytes(cursor), readBytes(cursor)];
      if (name !== null && content !== null) headers[name.toString('utf8')] = content;
    }
    return headers;
  }

  #bytesAt(at: number): Buffer | null {
    return readBytes(new ByteCursor(this.#shared.bytes, at, this.#end));
  }
}

/** A length below zero stands for null. */
function readBytes(cursor: ByteCursor): Buffer | null {
  const length = cursor.varint();
  if (length < 0) return null;
  const from = cursor.skip(length);
  return cursor.bytes.subarray(from, from + length);
}
