// The library's idempotent producer with one thing replaced: how the records of a send become bytes (encode-batch.ts), and how they get to the
// broker (shared-requests.ts). Its producer id, sequence numbers, retries and metadata stay its own. A send carries records of one partition.
import {
  type API,
  type Callback,
  type Connection,
  kGetApi,
  Producer,
  type ProducerOptions,
  produceV9,
  produceV10,
  produceV11,
} from '@platformatic/kafka';
import type { AppendRecord, TopicPartition } from '../log.ts';
import { encodeBatch } from './encode-batch.ts';
import { ourVersion } from './replaced-api.ts';
import { type Send, SharedRequests } from './shared-requests.ts';

/** What the library makes of a message that has no key and no headers of its own. */
interface Sent extends TopicPartition {
  readonly value: AppendRecord;
}

interface SendState {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of the first record, by `topic:partition`. */
  readonly sequences: ReadonlyMap<string, number>;
}

/** By version: those with compact lengths, whose requests are the same. */
const APIS = new Map(
  [produceV9, produceV10, produceV11].map(({ api: { version } }) => [version, sendingBy(new SharedRequests(version))]),
);

export class BatchProducer extends Producer<null, AppendRecord, string, string> {
  /** For appends of one partition each, by a producer that is idempotent. */
  constructor(options: Omit<ProducerOptions<null, AppendRecord, string, string>, 'idempotent' | 'serializers'>) {
    super({ ...options, idempotent: true });
  }

  override [kGetApi]<Request extends unknown[], Response>(
    name: string,
    callback: Callback<API<Request, Response>>,
  ): void {
    super[kGetApi](name, name === 'Produce' ? ourVersion(APIS, callback) : callback);
  }
}

/** As the library calls it. */
function sendingBy(requests: SharedRequests) {
  return (
    connection: Connection,
    acks: number,
    timeoutMs: number,
    sent: readonly Sent[],
    state: SendState,
    callback: Send['callback'],
  ): void => {
    let send: Send;
    try {
      send = { ...batchOf(sent, state), callback };
    } catch (error) {
      return callback(error as Error);
    }
    requests.add(connection, acks, timeoutMs, send);
  };
}

function batchOf(sent: readonly Sent[], { producerId, producerEpoch, sequences }: SendState): Omit<Send, 'callback'> {
  const [first] = sent;
  if (first === undefined) throw new Error('a send has at least one record');
  const { topic, partition } = first;
  if (sent.some((one) => one.topic !== topic || one.partition !== partition))
    throw new Error('a send has one partition');
  const baseSequence = sequences.get(`${topic}:${partition}`);
  // A number that is used again would be taken for a duplicate.
  if (baseSequence === undefined) throw new Error(`a send without a sequence number for ${topic}-${partition}`);
  const records = sent.map(({ value }) => value);
  return { topic, partition, batch: encodeBatch(records, { producerId, producerEpoch, baseSequence }) };
}
