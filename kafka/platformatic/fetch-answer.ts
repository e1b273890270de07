// An answer to a fetch, its batches left as the bytes that they are stored as.
import { type Reader, ResponseError, readKnownTaggedFields } from '@platformatic/kafka';
import type { Offset } from '../log.ts';
import type { Answered } from './stored-batches.ts';
import { toldError } from './told-error.ts';

/** Batches as they are stored, aborted data and control records included; the last one may be cut off. */
export interface FetchedPartition extends Answered {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: Offset;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly responses: readonly { readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[];
}

type Errors = Record<string, ReturnType<typeof toldError>>;

/** The answer in an error in which only partitions were refused. */
export function answerIn(error: unknown): FetchAnswer {
  const answer: unknown = error instanceof ResponseError ? error['response'] : undefined;
  if (isFetchAnswer(answer) && answer.errorCode === 0) return answer;
  throw error;
}

function isFetchAnswer(answer: unknown): answer is FetchAnswer {
  return typeof answer === 'object' && answer !== null && 'responses' in answer;
}

/** Of every version from 13 on. Throws a ResponseError, as the library does, where anything was refused; the answer is in it. */
export function parseAnswer(_correlationId: number, apiKey: number, apiVersion: number, reader: Reader) {
  const errors: Errors = {};
  const throttleTimeMs = reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) errors['/'] = toldError(errorCode);
  const sessionId = reader.readInt32();
  const responses = reader.readArray((_, topic) => ({
    topicId: reader.readUUID(),
    partitions: reader.readArray(
      (_reader, partition) => parsePartition(reader, errors, `/responses/${topic}/partitions/${partition}`),
      true,
      false,
    ),
  }));
  readKnownTaggedFields(reader, {});
  const answer = { throttleTimeMs, errorCode, sessionId, responses };
  if (Object.keys(errors).length > 0) throw new ResponseError(apiKey, apiVersion, errors, { ...answer });
  return answer;
}

function parsePartition(reader: Reader, errors: Errors, path: string) {
  const partitionIndex = reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) errors[path] = toldError(errorCode);
  const highWatermark = reader.readInt64();
  const lastStableOffset = reader.readInt64();
  const logStartOffset = reader.readInt64();
  const abortedTransactions = reader.readNullableArray((one) => ({
    producerId: one.readInt64(),
    firstOffset: one.readInt64(),
  }));
  const preferredReadReplica = reader.readInt32();
  // A length is written as one more than it is; 0 stands for null.
  const length = Math.max(0, reader.readUnsignedVarInt() - 1);
  const stored = reader.buffer.slice(reader.position, reader.position + length);
  reader.skip(length);
  readKnownTaggedFields(reader, {});
  return {
    ...{ partitionIndex, errorCode, highWatermark, lastStableOffset, logStartOffset },
    ...{ abortedTransactions, preferredReadReplica, stored },
    // What the library looks for and would filter.
    records: null,
  };
}
