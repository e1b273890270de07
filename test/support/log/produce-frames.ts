// Requests that append and their answers, as far as a test changes what they say of partitions: several can be in one. Pure.
import type { TopicPartition } from '../../../kafka/log.ts';
import { requestHead, varint } from './kafka-frames.ts';

export type Chosen = (at: TopicPartition) => boolean;

const COMPACT_FROM = 9;

/** The answer to a Produce with another error code (0: none) for these partitions, all when not given. */
export function withProduceError(
  answer: Buffer,
  apiVersion: number,
  code: number,
  chosen: Chosen = () => true,
): Buffer {
  const changed = Buffer.from(answer);
  const cursor = new Cursor(answer, 4 + 4, apiVersion);
  cursor.tags();
  cursor.partitions((at) => {
    if (chosen(at)) changed.writeInt16BE(code, cursor.at);
    // Error, base offset, time of the append.
    cursor.at += 2 + 8 + 8 + (apiVersion >= 5 ? 8 : 0);
    if (apiVersion < 8) return;
    const records = cursor.count();
    for (let record = 0; record < records; record += 1) {
      cursor.at += 4;
      cursor.text();
      cursor.tags();
    }
    cursor.text();
  });
  return changed;
}

/** A Produce whose records for these partitions have been damaged on the way: the broker finds that their checksum is wrong and writes none of them. */
export function withDamagedRecords(request: Buffer, chosen: Chosen = () => true): Buffer {
  const changed = Buffer.from(request);
  const { apiVersion } = requestHead(request);
  const cursor = new Cursor(request, 4 + 2 + 2 + 4, apiVersion);
  // The name of the client has two bytes of length whatever the version.
  cursor.at += 2 + Math.max(0, request.readInt16BE(cursor.at));
  cursor.tags();
  cursor.text();
  // Acks and time limit.
  cursor.at += 2 + 4;
  cursor.partitions((at) => {
    const length = cursor.count();
    const last = cursor.at + length - 1;
    if (chosen(at)) changed.writeUInt8(request.readUInt8(last) ^ 1, last);
    cursor.at += length;
  });
  return changed;
}

class Cursor {
  at: number;
  readonly #bytes: Buffer;
  readonly #isCompact: boolean;

  constructor(bytes: Buffer, at: number, apiVersion: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#isCompact = apiVersion >= COMPACT_FROM;
  }

  /** Calls behind the number of each partition; the callback passes what is known of it, but for its tags. */
  partitions(each: (at: TopicPartition) => void): void {
    const topics = this.count();
    for (let topic = 0; topic < topics; topic += 1) {
      const name = this.text();
      const partitions = this.count();
      for (let index = 0; index < partitions; index += 1) {
        const partition = this.#bytes.readInt32BE(this.at);
        this.at += 4;
        each({ topic: name, partition });
        this.tags();
      }
      this.tags();
    }
  }

  /** How many of a list, or bytes. */
  count(): number {
    if (this.#isCompact) return Math.max(0, this.#varint() - 1);
    this.at += 4;
    return Math.max(0, this.#bytes.readInt32BE(this.at - 4));
  }

  /** Empty for one that is not there. */
  text(): string {
    let length: number;
    if (this.#isCompact) length = Math.max(0, this.#varint() - 1);
    else {
      length = Math.max(0, this.#bytes.readInt16BE(this.at));
      this.at += 2;
    }
    this.at += length;
    return this.#bytes.toString('utf8', this.at - length, this.at);
  }

  tags(): void {
    if (!this.#isCompact) return;
    for (let left = this.#varint(); left > 0; left -= 1) {
      this.#varint();
      const length = this.#varint();
      this.at += length;
    }
  }

  #varint(): number {
    const [value, next] = varint(this.#bytes, this.at);
    this.at = next;
    return value;
  }
}
