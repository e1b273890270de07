// Decoding of every compression that a broker stores. kafkajs brings only gzip and ends its consumer for good at any other, so
// that one batch of a foreign producer (kcat -z snappy, Kafka's own tools with lz4) would stop every group that reads the
// topic. The codecs are those of the other client; this system's own producers do not compress.
//
// What still cannot be undone (a compression of the future, damaged bytes) is said aloud and tried again, ever more slowly: the
// library would pass bytes of an unknown kind on as if they were records, and mention the others to nobody.
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { unpack, unreadable } from '../platformatic/unpack.ts';

/** All that three bits of a batch's attributes can say, besides 0 for none. */
const TYPES = [1, 2, 3, 4, 5, 6, 7] as const;

/** kafkajs keeps its codecs in one table for all clients of a process; the last logger is told. */
export function registerCompressions(logger: Logger): void {
  const table: Record<number, () => Codec> = kafkajs.CompressionCodecs;
  for (const type of TYPES) table[type] = () => codecOf(type, logger);
}

/** What the library asks of a codec; it publishes no type for it. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

function codecOf(type: number, logger: Logger): Codec {
  const codec = compressionsAlgorithmsByBitmask[type as keyof typeof compressionsAlgorithmsByBitmask];
  return {
    compress: ({ buffer }) =>
      codec === undefined ? Promise.reject(unreadable(type)) : Promise.resolve(codec.compressSync(buffer)),
    decompress: (buffer) => {
      try {
        return Promise.resolve(unpack(buffer, type));
      } catch (error) {
        logger.error({ error: describeError(error) }, 'kafka.reader.batch.unreadable');
        return Promise.reject(
          Object.assign(new kafkajs.KafkaJSError(error as Error, { retriable: true }), { cause: error }),
        );
      }
    },
  };
}
