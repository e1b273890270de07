// A patch of kafkajs 2.2.4: `decodeMessages`, src/protocol/requests/fetch/v4/decodeMessages.js.
//
// Why. It hands all records of a batch to one call of `push`, and a call takes some 125,000 arguments: a sound batch with more of them,
// which is small where it is compressed, is a RangeError, and that ends the consumer for good, again at every start. Damaged bytes
// end it the same way, or are read as if they had been written: the checksum of a batch is not looked at.
//
// What differs. Records are added one by one. A batch whose checksum is not that of its bytes, or that cannot be decoded all the same, is
// PMC_BATCH_DAMAGED: said aloud and fetched again, ever more slowly, once what lies before it has been handed over. So is what is unpacked
// to very much: it comes in parts. Older formats than that of Kafka 0.11 are left to the library's own function, once the checksum of
// the first message has shown that it is one.
//
// How. In memory, as idle-timers.ts says. The library's responses take the function from its module when a fetch loads them: the export
// is replaced, and none of them may be there yet.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { crc32 } from 'node:zlib';
import kafkajs from 'kafkajs';
import { describeError, PmcError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import { checksum } from '../../platformatic/checksum.ts';
import { UNPACKED_BYTES_MAX } from '../../platformatic/unpack.ts';
import { assertReviewed } from '../../reviewed.ts';

const PROTOCOL = 'kafkajs/src/protocol';
const FETCH = `${PROTOCOL}/requests/fetch`;
const MODULE = `${FETCH}/v4/decodeMessages.js`;
const USERS = [4, 5, 7, 8, 11].map((version) => `${FETCH}/v${version}/response.js`);
const REVIEWED_SHA256 = '1b27174fb8b38bbdc4f816f8cf122614d867e4ab612a5771ce2208f6eab45130';

/** Before the batches. */
const SIZE_BYTES = 4;
/** Base offset and length: what a batch has before the bytes that its length counts. */
const PREFIX_BYTES = 12;
const HEADER_BYTES = 61;
/** What a record has at least, with nothing in it. */
const RECORD_BYTES = 7;
const MAGIC_AT = 16;
const MAGIC = 2;
const CHECKSUM_AT = 17;
/** In formats before 2, of all that follows it. */
const OLDER_CHECKSUM_AT = 12;
/** What the checksum is of begins there. */
const ATTRIBUTES_AT = 21;

interface Decoder {
  readonly buffer: Buffer;
  offset: number;
}

type DecodeMessages = (decoder: Decoder) => Promise<readonly object[]>;
type DecodeBatch = (decoder: Decoder) => Promise<{ readonly records: readonly FetchedRecord[] }>;
type Content = Buffer | null;

interface FetchedRecord {
  readonly key: Content;
  readonly value: Content;
  /** As a list where several have one name. */
  readonly headers: Readonly<Record<string, Content | readonly Content[]>>;
}

/** The library's module, as Node keeps it. */
export interface MessagesModule {
  exports: DecodeMessages;
}

const load = createRequire(import.meta.url);
const patched = new WeakSet<DecodeMessages>();
let logger: Logger | undefined;

/** The last logger is told, as in compression.ts. */
export function tellOfDamage(to: Logger): void {
  logger = to;
}

export function patchFetchedBatches(module: MessagesModule = loaded(MODULE)): void {
  const installed = module.exports;
  if (patched.has(installed)) return;
  assertReviewed(MODULE, String(installed), REVIEWED_SHA256);
  for (const user of USERS) assert.ok(!(load.resolve(user) in load.cache), `${user} has the function already`);
  const decodeBatch = load(`${PROTOCOL}/recordBatch/v0/decoder.js`) as DecodeBatch;
  module.exports = (decoder) =>
    isOfBatches(decoder) ? recordsOf(decoder, decodeBatch) : messagesOf(decoder, installed);
  patched.add(module.exports);
}

function loaded(path: string): MessagesModule {
  load(path);
  const module = load.cache[load.resolve(path)];
  assert.ok(module, `${path} is kept by Node`);
  return module;
}

function isOfBatches({ buffer, offset }: Decoder): boolean {
  const from = offset + SIZE_BYTES;
  const size = buffer.readInt32BE(offset);
  return size >= HEADER_BYTES && from + size <= buffer.length && buffer.readUInt8(from + MAGIC_AT) >= MAGIC;
}

/** Of an older format, or so it seems: it may be a batch whose magic byte is damaged. */
async function messagesOf(decoder: Decoder, decodeMessages: DecodeMessages): Promise<readonly object[]> {
  try {
    const from = decoder.offset + SIZE_BYTES;
    assertUndamagedMessage(
      decoder.buffer.subarray(from, from + Math.max(0, decoder.buffer.readInt32BE(decoder.offset))),
    );
    return await decodeMessages(decoder);
  } catch (error) {
    throw error instanceof RangeError ? unreadable(error) : error;
  }
}

/** The first one, where it is there whole. */
function assertUndamagedMessage(messages: Buffer): void {
  if (messages.length <= MAGIC_AT || messages.readUInt8(MAGIC_AT) >= MAGIC) return;
  const message = messages.subarray(MAGIC_AT, PREFIX_BYTES + messages.readInt32BE(8));
  const isWhole = MAGIC_AT + message.length === PREFIX_BYTES + messages.readInt32BE(8);
  if (isWhole && crc32(message) !== messages.readUInt32BE(OLDER_CHECKSUM_AT))
    throw new RangeError('bytes that are no message of an older format');
}

async function recordsOf(decoder: Decoder, decodeBatch: DecodeBatch): Promise<readonly object[]> {
  const { buffer } = decoder;
  const records: object[] = [];
  const end = decoder.offset + SIZE_BYTES + buffer.readInt32BE(decoder.offset);
  decoder.offset += SIZE_BYTES;
  let unpackedBytes = 0;
  // Of many small batches that are large when they are unpacked, the next fetch brings the others.
  while (decoder.offset + PREFIX_BYTES <= end && unpackedBytes < UNPACKED_BYTES_MAX) {
    const at = decoder.offset;
    const batchEnd = at + PREFIX_BYTES + buffer.readInt32BE(at + 8);
    // The broker cuts off the last one where the answer is full.
    if (batchEnd > end) break;
    try {
      assertUndamaged(buffer.subarray(at, Math.max(at, batchEnd)));
      const batch = await decodeBatch(decoder);
      for (const record of batch.records) {
        records.push(record);
        unpackedBytes += sizeOf(record);
      }
    } catch (error) {
      // The next fetch begins with it.
      if (records.length > 0) break;
      throw unreadable(error);
    }
  }
  decoder.offset = end;
  return records;
}

function sizeOf({ key, value, headers }: FetchedRecord): number {
  let bytes = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, content] of Object.entries(headers)) {
    bytes += name.length;
    for (const one of [content].flat()) bytes += one?.length ?? 0;
  }
  return bytes;
}

function assertUndamaged(batch: Buffer): void {
  if (batch.length < HEADER_BYTES || batch[MAGIC_AT] !== MAGIC)
    throw new RangeError('bytes that are no batch of format 2');
  if (checksum(batch.subarray(ATTRIBUTES_AT)) !== batch.readUInt32BE(CHECKSUM_AT)) {
    throw new RangeError(`the batch at offset ${batch.readBigInt64BE(0)} has not the bytes that its checksum is of`);
  }
}

/** What the library tries again; that of a compression is such an error already. */
function unreadable(cause: unknown): unknown {
  if (cause instanceof kafkajs.KafkaJSError && cause.retriable) return cause;
  const message = 'a batch cannot be read; its partition waits';
  const error = new PmcError('PMC_BATCH_DAMAGED', message, {}, { cause });
  logger?.error({ error: describeError(error) }, 'kafka.reader.batch.unreadable');
  return Object.assign(new kafkajs.KafkaJSError(error, { retriable: true }), { cause: error });
}
