import { CompressionAlgorithms, compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { kafkaClient } from './client.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const logger = { warn: () => undefined, debug: () => undefined } as never;
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
