// The library's consumer with one thing replaced: an answer to a fetch keeps the batches as the bytes that the broker stores, for
// decode-batches.ts. What cannot be decoded is then the matter of one partition and not of the whole answer, and the library's filter
// of aborted transactions, which remembers one for each producer, has nothing to filter.
import {
  type API,
  type Callback,
  Consumer,
  createAPI,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  kGetApi,
  type Reader,
  ResponseError,
  readKnownTaggedFields,
} from '@platformatic/kafka';
import type { Offset } from '../log.ts';
import { ourVersion } from './replaced-api.ts';
import type { AbortedTransaction } from './stored-batches.ts';

const FETCH = 1;
/** By version: those that name topics by their ids, whose answers differ in what is skipped here. */
const APIS = new Map(
  [fetchV13, fetchV14, fetchV15, fetchV16, fetchV17].map(({ api: { version }, createRequest }) => [
    version,
    createAPI(FETCH, version, createRequest, parseAnswer),
  ]),
);

export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** Batches as they are stored, aborted data and control records included; the last one may be cut off. */
  readonly stored: Buffer;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly responses: readonly { readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[];
}

type FetchRequest = Parameters<Consumer['fetch']>[0];
type Errors = Record<string, [code: number, message: null]>;

export class BatchConsumer extends Consumer {
  /** Rejects with the library's errors; a partition that was refused has the whole answer in `response` of its ResponseError. */
  async fetchStored(request: FetchRequest): Promise<FetchAnswer> {
    return (await this.fetch(request)) as unknown as FetchAnswer;
  }

  override [kGetApi]<Request extends unknown[], Response>(
    name: string,
    callback: Callback<API<Request, Response>>,
  ): void {
    super[kGetApi](name, name === 'Fetch' ? ourVersion(APIS, callback) : callback);
  }
}

/** The answer in an error in which only partitions were refused. */
export function answerIn(error: unknown): FetchAnswer {
  const answer: unknown = error instanceof ResponseError ? error['response'] : undefined;
  if (isFetchAnswer(answer) && answer.errorCode === 0) return answer;
  throw error;
}

function isFetchAnswer(answer: unknown): answer is FetchAnswer {
  return typeof answer === 'object' && answer !== null && 'responses' in answer;
}

function parseAnswer(_correlationId: number, apiKey: number, apiVersion: number, reader: Reader) {
  const errors: Errors = {};
  const throttleTimeMs = reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) errors['/'] = [errorCode, null];
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
  if (errorCode !== 0) errors[path] = [errorCode, null];
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
