import { CompressionAlgorithms, compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { expect, test, vi } from 'vitest';
import { kafkaClient } from './client.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const said = vi.fn();
const logger = { warn: () => undefined, debug: () => undefined, error: said } as never;
const RECORDS = Buffer.from('one batch of records, one batch of records, one batch of records');

test.each([
  [CompressionTypes.Snappy, CompressionAlgorithms.SNAPPY],
  [CompressionTypes.LZ4, CompressionAlgorithms.LZ4],
  [CompressionTypes.ZSTD, CompressionAlgorithms.ZSTD],
] as const)('a client reads what another one compressed with type %i (%s)', async (type, name) => {
  kafkaClient({ brokers: ['127.0.0.1:1'], clientId: 'test', logger });
  const codec = CompressionCodecs[type]() as { decompress(buffer: Buffer): Promise<Buffer> };
  expect(await codec.decompress(compressionsAlgorithms[name].compressSync(RECORDS))).toEqual(RECORDS);
});

test.each([
  ['of a kind that nobody knows yet', 5],
  ['that is damaged', CompressionTypes.ZSTD],
] as const)('a batch %s is said aloud and tried again, never taken for records', async (_which, type) => {
  kafkaClient({ brokers: ['127.0.0.1:1'], clientId: 'test', logger });
  const table = CompressionCodecs as unknown as Readonly<
    Record<number, () => { decompress(buffer: Buffer): Promise<Buffer> }>
  >;
  const reading = table[type]?.().decompress(RECORDS);
  await expect(reading).rejects.toMatchObject({ retriable: true, cause: { code: 'PMC_COMPRESSION_UNREADABLE' } });
  const error = expect.stringContaining(
    `PMC_COMPRESSION_UNREADABLE: a batch with compression type ${type} cannot be read`,
  );
  expect(said).toHaveBeenLastCalledWith({ error }, 'kafka.reader.batch.unreadable');
});
