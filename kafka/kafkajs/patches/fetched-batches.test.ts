import { createRequire } from 'node:module';
import { crc32 } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { encodeBatch } from '../../platformatic/encode-batch.ts';
import { type Content, storedBytes } from '../../platformatic/stored-batches.testing.ts';
import { kafkaClient } from '../client.ts';
import { type MessagesModule, patchFetchedBatches } from './fetched-batches.ts';

const load = createRequire(import.meta.url);
const decodeMessages = load('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
  decoder: object,
) => Promise<readonly { readonly offset: string; readonly value: Buffer }[]>;
const Decoder = load('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => { readonly offset: number };

const error = vi.fn();
kafkaClient({ brokers: ['127.0.0.1:1'], clientId: 'test', logger: { error } as never });

const VALUE = Buffer.from('{"a":1}');

function batch(baseOffset: bigint, count: number): Buffer {
  const contents = Array.from({ length: count }, () => ({ value: VALUE, timestamp: 1n }));
  return storedBytes(contents, { baseOffset });
}

/** A message of the formats before 2: offset, size, checksum, magic, attributes, a time from format 1 on, no key, and the value. */
function olderMessage(offset: bigint, magic: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(VALUE.length);
  const key = Buffer.from([0xff, 0xff, 0xff, 0xff]);
  const content = Buffer.concat([Buffer.from([magic, 0]), Buffer.alloc(8 * magic), key, size, VALUE]);
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(offset, 0);
  head.writeInt32BE(4 + content.length, 8);
  head.writeUInt32BE(crc32(content), 12);
  return Buffer.concat([head, content]);
}

/** As they stand in an answer: behind their size, and with more behind them. */
function answered(...batches: readonly Buffer[]) {
  const bytes = Buffer.concat(batches);
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return new Decoder(Buffer.concat([size, bytes, Buffer.from('what follows')]));
}

async function offsetsOf(decoder: object): Promise<readonly number[]> {
  return (await decodeMessages(decoder)).map(({ offset }) => Number(offset));
}

function changed(bytes: Buffer, at: number, by = 1): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ by, at);
  return copy;
}

describe("the library's decoder of fetched batches, once a client file was loaded", () => {
  test('row 30 · reads a batch of more records than a call takes arguments', async () => {
    const record = { key: null, value: VALUE, headers: {}, timestampMs: 1 };
    const producer = { producerId: -1n, producerEpoch: -1, baseSequence: -1 };
    const large = encodeBatch(
      Array.from({ length: 150_000 }, () => record),
      producer,
    );
    const records = await decodeMessages(answered(large, batch(150_000n, 1)));
    expect(records).toHaveLength(150_001);
    expect([records[0]?.offset, records.at(-1)?.offset]).toEqual(['0', '150000']);
    expect(records[149_999]?.value.toString()).toBe('{"a":1}');
  });

  test('stops where the broker has cut a batch off, and behind all of them', async () => {
    const bytes = [batch(0n, 3), batch(3n, 2).subarray(0, -1)];
    const decoder = answered(...bytes);
    expect(await offsetsOf(decoder)).toEqual([0, 1, 2]);
    expect(decoder.offset).toBe(4 + Buffer.concat(bytes).length);
    expect(await offsetsOf(answered())).toEqual([]);
  });

  const zeros = Buffer.alloc(30_000_000);
  test.each<[string, Content]>([
    ['values', { value: zeros, timestamp: 1n }],
    ['keys', { key: zeros, value: null, timestamp: 1n }],
    ['a header', { value: null, headers: new Map([[Buffer.from('h'), zeros]]), timestamp: 1n }],
    ['the name of a header', { value: null, headers: new Map([[zeros, Buffer.from('v')]]), timestamp: 1n }],
    [
      'headers of one name',
      {
        value: null,
        headers: new Map([1, 2].map(() => [Buffer.from('h'), zeros.subarray(0, 15_000_000)])),
        timestamp: 1n,
      },
    ],
  ])(
    'takes no more at once than what is unpacked from one batch at most, and another of them: %s',
    async (_of, content) => {
      const batches = [0n, 1n, 2n, 3n, 4n].map((baseOffset) =>
        storedBytes([content], { baseOffset, compression: 'gzip' }),
      );
      expect(await offsetsOf(answered(...batches))).toEqual([0, 1, 2]);
    },
  );

  test('row 39 · finds a batch damaged, whichever of its bytes was changed, and hands over what lies before it', async () => {
    const sound = batch(3n, 2);
    // The base offset and the leader's epoch are the broker's to set, and no part of what the checksum is of. The length is looked at below.
    for (let at = 16; at < sound.length; at += 1) {
      const damaged = changed(sound, at);
      expect(await offsetsOf(answered(batch(0n, 3), damaged, batch(5n, 1))), `byte ${at}`).toEqual([0, 1, 2]);
      const first = decodeMessages(answered(damaged, batch(5n, 1)));
      await expect(first, `byte ${at}`).rejects.toMatchObject({
        retriable: true,
        cause: { code: 'PMC_BATCH_DAMAGED' },
      });
      expect(error).toHaveBeenLastCalledWith(
        { error: expect.stringContaining('PMC_BATCH_DAMAGED: a batch cannot be read') },
        'kafka.reader.batch.unreadable',
      );
    }
  });

  // What it names then is a format without records of this kind, an older one, whose checksum is another, or none at all.
  test.each([1, 2, 3, 0x80])('row 39 · finds a batch damaged whose format is another one by %s', async (by) => {
    expect(await offsetsOf(answered(batch(0n, 3), changed(batch(3n, 2), 16, by)))).toEqual([0, 1, 2]);
    const first = decodeMessages(answered(changed(batch(3n, 2), 16, by), batch(5n, 1)));
    await expect(first).rejects.toMatchObject({ retriable: true, cause: { code: 'PMC_BATCH_DAMAGED' } });
  });

  test.each([0, 1])('reads the older format %s', async (magic) => {
    const bytes = [olderMessage(7n, magic), olderMessage(8n, magic)];
    expect(await offsetsOf(answered(...bytes, batch(9n, 1)))).toEqual([7, 8]);
    expect(await offsetsOf(answered(olderMessage(7n, magic), olderMessage(8n, magic).subarray(0, -1)))).toEqual([7]);
    expect(await offsetsOf(answered(olderMessage(7n, magic).subarray(0, -1)))).toEqual([]);
  });

  test.each([
    ['below zero', 8, 0x80],
    ['too small', 11, 0x7f],
  ])('row 39 · finds a batch damaged whose length is %s', async (_what, at, by) => {
    const first = decodeMessages(answered(changed(batch(0n, 2), at, by), batch(2n, 1)));
    await expect(first).rejects.toMatchObject({ retriable: true, cause: { code: 'PMC_BATCH_DAMAGED' } });
  });
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const before = () => Promise.resolve([]);
  const module: MessagesModule = { exports: before };
  expect(() => patchFetchedBatches(module)).toThrow('is not the text that this patch was reviewed for');
  expect(module.exports).toBe(before);
  patchFetchedBatches();
});
