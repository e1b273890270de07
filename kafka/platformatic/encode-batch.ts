// Records as one batch of the log's format (magic 2, uncompressed), written in one pass into one buffer, which grows where it must. The library
// makes a small buffer of every number and every text of a record, some 25 of them, which was half of all that a gateway allocated;
// and it loses what a timestamp has beyond 2^31 ms from its neighbours'.
import type { AppendRecord, Headers } from '../log.ts';
import { sizeOfVarint, writeVarint } from '../varint.ts';
import { UTF8_BYTES_MAX, writeSizedText } from '../write-text.ts';
import { checksum } from './checksum.ts';

/** Who appends, and the number of the first record in its sequence for the partition. */
export interface ProducerState {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

const MAGIC = 2;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const HEADER_BYTES = 61;
const NULL_LENGTH = -1;
/** Of nearly every record's length. */
const LENGTH_BYTES = 2;
/** More than what an event's record takes beside its value; where that is not enough, the buffer grows. */
const BESIDE_BYTES = 224;
/** Once: a text is given room for three bytes a unit before it is written with one. */
const SPARE_BYTES = 256;
/** More than all numbers that are written between two texts or values: a byte written behind a buffer is lost without a word. */
const NUMBERS_BYTES = 64;

/** At least one record, each as `invalidRecord` lets it through. */
export function encodeBatch(records: readonly AppendRecord[], producer: ProducerState): Buffer {
  return new Encoding(records).finish(producer);
}

class Encoding {
  readonly #records: readonly AppendRecord[];
  readonly #baseTimestampMs: number;
  #batch: Buffer;
  #at = HEADER_BYTES;

  constructor(records: readonly AppendRecord[]) {
    this.#records = records;
    this.#baseTimestampMs = records[0]?.timestampMs ?? 0;
    let bytes = HEADER_BYTES + SPARE_BYTES;
    for (const { value } of records) bytes += value.length + BESIDE_BYTES;
    this.#batch = Buffer.allocUnsafe(bytes);
  }

  finish({ producerId, producerEpoch, baseSequence }: ProducerState): Buffer {
    const count = this.#records.length;
    let maxTimestampMs = this.#baseTimestampMs;
    for (const [index, record] of this.#records.entries()) {
      maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs);
      this.#write(record, index);
    }
    const batch = this.#batch.subarray(0, this.#at);
    // Base offset and leader epoch are the broker's to set; no attribute is.
    batch.fill(0, 0, ATTRIBUTES_AT + 2);
    batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
    batch[MAGIC_AT] = MAGIC;
    batch.writeInt32BE(count - 1, 23);
    batch.writeBigInt64BE(BigInt(this.#baseTimestampMs), 27);
    batch.writeBigInt64BE(BigInt(maxTimestampMs), 35);
    batch.writeBigInt64BE(producerId, 43);
    batch.writeInt16BE(producerEpoch, 51);
    batch.writeInt32BE(baseSequence, 53);
    batch.writeInt32BE(count, 57);
    batch.writeUInt32BE(checksum(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
    return batch;
  }

  #write({ key, value, headers, timestampMs }: AppendRecord, index: number): void {
    const from = this.#at;
    this.#at += LENGTH_BYTES;
    this.#batch[this.#at] = 0;
    this.#at += 1;
    this.#varint(timestampMs - this.#baseTimestampMs);
    this.#varint(index);
    if (key === null) this.#varint(NULL_LENGTH);
    else this.#text(key);
    this.#varint(value.length);
    this.#needs(value.length);
    this.#batch.set(value, this.#at);
    this.#at += value.length;
    this.#varint(countOf(headers));
    for (const name in headers) {
      this.#text(name);
      this.#text(headers[name] as string);
    }
    this.#putLength(from);
  }

  /** Of all that was written behind its place, which was chosen by a guess. */
  #putLength(from: number): void {
    const length = this.#at - from - LENGTH_BYTES;
    const size = sizeOfVarint(length);
    if (size !== LENGTH_BYTES) this.#batch.copyWithin(from + size, from + LENGTH_BYTES, this.#at);
    writeVarint(this.#batch, from, length);
    this.#at = from + size + length;
  }

  /** Room for so many bytes more, and for the numbers before and behind them. */
  #needs(bytes: number): void {
    const end = this.#at + bytes + NUMBERS_BYTES;
    if (end <= this.#batch.length) return;
    const grown = Buffer.allocUnsafe(Math.max(end, this.#batch.length * 2));
    this.#batch.copy(grown, 0, 0, this.#at);
    this.#batch = grown;
  }

  #varint(value: number): void {
    this.#at = writeVarint(this.#batch, this.#at, value);
  }

  #text(text: string): void {
    this.#needs(text.length * UTF8_BYTES_MAX);
    this.#at = writeSizedText(this.#batch, text, this.#at);
  }
}

function countOf(headers: Headers): number {
  let count = 0;
  for (const _name in headers) count += 1;
  return count;
}
