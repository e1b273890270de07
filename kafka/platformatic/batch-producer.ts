// The library's idempotent producer, which is handed a whole batch as one message. Its producer id, retries and metadata stay its own; how
// the records are numbered (sequence-numbers.ts), become bytes (encode-batch.ts) and get to the broker (shared-requests.ts) is ours.
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
import type { AppendRecord, Offset, TopicPartition } from '../log.ts';
import { encodeBatch } from './encode-batch.ts';
import { METADATA_APIS } from './metadata-answer.ts';
import { type OurApis, ourVersion } from './replaced-api.ts';
import { SentBatch, SequenceNumbers } from './sequence-numbers.ts';
import { type Send, SharedRequests } from './shared-requests.ts';

/** What the library makes of a message that has no key and no headers. */
interface Sent extends TopicPartition {
  readonly value: SentBatch;
}

interface SendState {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** With compact lengths, whose requests are the same. */
const VERSIONS = [produceV9, produceV10, produceV11].map(({ api: { version } }) => version);

export class BatchProducer extends Producer<null, SentBatch, string, string> {
  readonly #numbers = new SequenceNumbers();
  readonly #apis: OurApis = {
    Metadata: METADATA_APIS,
    Produce: new Map(VERSIONS.map((version) => [version, this.#sendingBy(new SharedRequests(version))])),
  };

  constructor(options: Omit<ProducerOptions<null, SentBatch, string, string>, 'idempotent' | 'serializers'>) {
    super({ ...options, idempotent: true });
  }

  /** At least one record; one append of a partition at a time. Returns the offset of the first. */
  async append({ topic, partition }: TopicPartition, records: readonly AppendRecord[]): Promise<Offset> {
    const { offsets = [] } = await this.send({ messages: [{ topic, partition, value: new SentBatch(records) }] });
    const [answer, ...others] = offsets;
    if (answer === undefined || answer.partition !== partition || others.length > 0) {
      throw new Error(`send() answered for ${offsets.length} partitions, not for the one that was asked`);
    }
    return answer.offset;
  }

  override [kGetApi]<Request extends unknown[], Response>(
    name: string,
    callback: Callback<API<Request, Response>>,
  ): void {
    super[kGetApi](name, ourVersion(this.#apis, name, callback));
  }

  /** As the library calls it, again for each attempt. */
  #sendingBy(requests: SharedRequests) {
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
        send = { ...this.#encode(sent, state), callback };
      } catch (error) {
        return callback(error as Error);
      }
      requests.add(connection, acks, timeoutMs, send);
    };
  }

  #encode([one, ...others]: readonly Sent[], { producerId, producerEpoch }: SendState): Omit<Send, 'callback'> {
    if (one === undefined || others.length > 0) throw new Error('a send has one batch');
    const { topic, partition, value } = one;
    const baseSequence = this.#numbers.baseOf(value, { topic, partition }, producerId);
    return { topic, partition, batch: encodeBatch(value.records, { producerId, producerEpoch, baseSequence }) };
  }
}
