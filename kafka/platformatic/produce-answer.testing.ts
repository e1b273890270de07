// Answers to Produce requests as a broker writes them.
import { Writer } from '@platformatic/kafka';
import type { TopicPartition } from '../log.ts';

export interface Answered extends TopicPartition {
  readonly offset?: bigint;
  readonly errorCode?: number;
  readonly message?: string | null;
  readonly recordErrors?: readonly (string | null)[];
  /** A field that a broker may add: the partition's leader and its epoch. */
  readonly leader?: number | null;
}

export function writtenAnswer(partitions: readonly Answered[]): Buffer {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)];
  return Writer.create()
    .appendArray(topics, (writer, [topic, of]) => {
      writer.appendString(topic).appendArray(of, (_, one) => writePartition(writer, one), true, false);
    })
    .appendInt32(0)
    .appendTaggedFields().buffer;
}

function writePartition(
  writer: Writer,
  { partition, offset = -1n, errorCode = 0, message = null, recordErrors = [], leader = null }: Answered,
): void {
  writer.appendInt32(partition).appendInt16(errorCode).appendInt64(offset).appendInt64(-1n).appendInt64(0n);
  writer.appendArray([...recordErrors], (_, text, index) => void writer.appendInt32(index).appendString(text));
  writer.appendString(message);
  if (leader === null) writer.appendTaggedFields();
  // One field, its number, its bytes.
  else
    writer.appendUnsignedVarInt(1).appendUnsignedVarInt(0).appendUnsignedVarInt(8).appendInt32(leader).appendInt32(7);
}
