import { type Connection, Reader, ResponseError, Writer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { METADATA_APIS } from './metadata-answer.ts';

const LEADER_NOT_AVAILABLE = 5;
const LISTENER_NOT_FOUND = 72;
const TOPIC_AUTHORIZATION_FAILED = 29;

type Parse = (...answer: [id: number, key: number, version: number, reader: Reader]) => object;

/** A broker that answers with these bytes. */
function broker(bytes: Buffer): Connection {
  const send = (
    ...[key, version, , parse, , , callback]: [
      key: number,
      version: number,
      payload: () => Writer,
      parse: Parse,
      ...tagged: [boolean, boolean],
      callback: (error: unknown, answer?: object) => void,
    ]
  ): void => {
    let answer: object;
    try {
      answer = parse(0, key, version, Reader.from(bytes));
    } catch (error) {
      return callback(error);
    }
    callback(null, answer);
  };
  return { send } as unknown as Connection;
}

/** One topic, as a broker of version 12 writes it: partition 0 is led by node 1, partition 1 has this error. */
function written(topicError: number, partitionError: number): Buffer {
  const leaders = [1, partitionError === 0 ? 2 : -1];
  return Writer.create()
    .appendInt32(0)
    .appendArray([1, 2], (writer, nodeId) => {
      writer.appendInt32(nodeId).appendString('host').appendInt32(9092).appendString(null);
    })
    .appendString('cluster')
    .appendInt32(1)
    .appendArray(['a'], (writer, name) => {
      writer.appendInt16(topicError).appendString(name).appendUUID('00000000-0000-0000-0000-000000000001');
      writer.appendBoolean(false).appendArray(leaders, (_, leader, partition) => {
        writer
          .appendInt16(partition === 1 ? partitionError : 0)
          .appendInt32(partition)
          .appendInt32(leader);
        writer.appendInt32(7);
        for (let list = 0; list < 3; list += 1)
          writer.appendArray([2], (__, one) => void writer.appendInt32(one), true, false);
      });
      writer.appendInt32(0);
    })
    .appendTaggedFields().buffer;
}

async function ask(bytes: Buffer) {
  const api = METADATA_APIS.get(12);
  if (api === undefined) throw new Error('version 12 is not ours');
  const { topics } = await api.async(broker(bytes), ['a'], false, false);
  return topics.map(({ partitions }) => partitions.map(({ leaderId }) => leaderId));
}

test.for([
  ['all have a leader', 0, [1, 2]],
  ['one has none', LEADER_NOT_AVAILABLE, [1, -1]],
  ['one has none that is reached this way', LISTENER_NOT_FOUND, [1, -1]],
] as const)('row 40 · a topic is told of where %s', async ([, error, leaders]) => {
  expect(await ask(written(0, error))).toEqual([leaders]);
});

test.for([
  ['a topic that is refused', TOPIC_AUTHORIZATION_FAILED, 0],
  ['a topic that is being made', LEADER_NOT_AVAILABLE, 0],
  ['a topic that is refused, with such a partition', TOPIC_AUTHORIZATION_FAILED, LEADER_NOT_AVAILABLE],
] as const)('%s is an error as ever', async ([, topicError, partitionError]) => {
  await expect(ask(written(topicError, partitionError))).rejects.toBeInstanceOf(ResponseError);
});

test('an answer that is cut off is an error as ever', async () => {
  const bytes = written(0, LEADER_NOT_AVAILABLE);
  await expect(ask(bytes.subarray(0, bytes.length - 20))).rejects.toThrow();
});
