// Batches as a broker would store them, made by the library's own writer.
import { type CompressionAlgorithmValue, crc32c, createRecordsBatch } from '@platformatic/kafka';

export interface Shape {
  readonly baseOffset: bigint;
  readonly attributes?: number;
  readonly producerId?: bigint;
  readonly compression?: CompressionAlgorithmValue;
}

export interface Content {
  readonly key?: Buffer;
  readonly value: Buffer | null;
  readonly headers?: ReadonlyMap<Buffer, Buffer>;
  readonly timestamp: bigint;
}

/** The attributes are added to those of the compression. */
export function storedBytes(
  contents: readonly Content[],
  { baseOffset, attributes = 0, producerId, compression }: Shape,
): Buffer {
  const messages = contents.map((content) => ({ topic: 't', partition: 3, ...content }));
  const options = {
    ...(producerId !== undefined && { producerId }),
    ...(compression !== undefined && { compression }),
  };
  const bytes = Buffer.from(createRecordsBatch(messages as never, options as never).buffer);
  bytes.writeBigInt64BE(baseOffset, 0);
  bytes.writeInt16BE(bytes.readInt16BE(21) | attributes, 21);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}
