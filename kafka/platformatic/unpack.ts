// Undoes every compression that a broker stores, for both clients.
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import { PmcError } from '../../service/errors.ts';

/** `type` is what the three lowest bits of a batch's attributes say, but 0. Throws PMC_COMPRESSION_UNREADABLE. */
export function unpack(bytes: Buffer, type: number): Buffer {
  try {
    const algorithm = compressionsAlgorithmsByBitmask[type as keyof typeof compressionsAlgorithmsByBitmask];
    if (algorithm === undefined) throw new Error('this client does not know it');
    return algorithm.decompressSync(bytes);
  } catch (cause) {
    throw unreadable(type, cause);
  }
}

export function unreadable(type: number, cause?: unknown): PmcError {
  const message = `a batch with compression type ${type} cannot be read; its partition waits`;
  return new PmcError('PMC_COMPRESSION_UNREADABLE', message, { type }, { cause });
}
