// Decoding of every compression that a broker stores. kafkajs brings only gzip and ends its consumer for good at any other, so
// that one batch of a foreign producer (kcat -z snappy, Kafka's own tools with lz4) would stop every group that reads the
// topic. The codecs are those of the other client; this system's own producers do not compress.
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import kafkajs from 'kafkajs';

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** Once per process is enough: kafkajs keeps its codecs in one table for all clients. */
export function registerCompressions(): void {
  for (const type of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD] as const) {
    const codec = compressionsAlgorithmsByBitmask[type];
    if (codec === undefined) throw new Error(`compression type ${type} has no codec`);
    CompressionCodecs[type] = () => ({
      compress: ({ buffer }: { readonly buffer: Buffer }) => Promise.resolve(codec.compressSync(buffer)),
      decompress: (buffer: Buffer) => Promise.resolve(codec.decompressSync(buffer)),
    });
  }
}
