// An answer to a Produce request, partition by partition. The library makes one error of it where one partition was refused, and an error of its
// own where it does not know the code; and it takes what is said of single records for errors of the server, which might be over the next time.
import {
  NetworkError,
  protocolErrorsCodesById,
  type Reader,
  ResponseError,
  readKnownTaggedFields,
} from '@platformatic/kafka';
import type { Offset, TopicPartition } from '../log.ts';
import { toldError } from './told-error.ts';

export interface PartitionAnswer extends TopicPartition {
  readonly errorCode: number;
  readonly baseOffset: Offset;
  /** What is wrong with the batch, and with single records of it. */
  readonly messages: readonly string[];
}

/** The number of the request. */
export const PRODUCE = 0;

/** Of every version from 9 on. */
export function parseProduceAnswer(reader: Reader): readonly PartitionAnswer[] {
  const topics = reader.readArray(() => {
    const topic = reader.readString();
    return reader.readArray(() => parsePartition(reader, topic), true, false);
  });
  // Milliseconds for which the broker reads nothing more.
  reader.readInt32();
  readKnownTaggedFields(reader, {});
  return topics.flat();
}

function parsePartition(reader: Reader, topic: string): PartitionAnswer {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const baseOffset = reader.readInt64();
  // When it was appended, and where the log begins.
  reader.readInt64();
  reader.readInt64();
  const ofRecords = reader.readArray((record) => [record.readInt32(), record.readNullableString()] as const);
  const ofBatch = reader.readNullableString();
  readKnownTaggedFields(reader, {});
  const messages = [ofBatch, ...ofRecords.map(([index, text]) => `record ${index}: ${text ?? 'invalid'}`)];
  return { topic, partition, errorCode, baseOffset, messages: messages.filter((text) => typeof text === 'string') };
}

/** The broker is not the one to ask, or not any more. */
const STALE_LEADER: ReadonlySet<string | undefined> = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
]);

/**
 * As an error of the library, for its way with what it may retry; undefined where it was appended. A code that it does not know it does not retry.
 * Only after an error of the network it asks who leads the partition now, so a leader that moved is told as one: it would be asked again.
 */
export function refusalIn(answer: PartitionAnswer, apiVersion: number): ResponseError | NetworkError | undefined {
  const { errorCode, messages, topic, partition } = answer;
  if (errorCode === 0) return undefined;
  const error = toldError(errorCode, messages);
  const refusal = new ResponseError(PRODUCE, apiVersion, { '/responses/0/partition_responses/0': error }, {});
  if (!STALE_LEADER.has(protocolErrorsCodesById[errorCode])) return refusal;
  return new NetworkError(`the broker does not lead ${topic}-${partition}`, { cause: refusal });
}
