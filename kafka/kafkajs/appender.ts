// Appends by kafkajs' idempotent producer; kafka/appending.ts keeps it within what it can be trusted with.
//
// After a request without an answer kafkajs tries the same connection again, six times: with a socket to a host that has vanished,
// or with half an answer left in its buffer, that is a minute for nothing. So the first such request ends the sends of its producer
// with an unknown outcome, and with them the producer and its client object.
import { Partitioners } from 'kafkajs';
import { Appending, type Producing } from '../appending.ts';
import type { AppenderOptions, ClientOptions } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import type { Appender, AppendRecord, Offset, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { kafkaClient, METADATA_AGE_MAX_MS, REQUEST_TIMEOUT_MS } from './client.ts';
import { failedAppend } from './failures.ts';

const ALL_IN_SYNC_REPLICAS = -1;

/** An appender that connects in the background and keeps trying; appends wait for the connection. */
export function kafkajsAppender(options: AppenderOptions): Appender {
  return new Appending({ ...options, client: 'kafkajs', connect: () => connect(options), failed: failedAppend });
}

async function connect(options: ClientOptions): Promise<Producing> {
  const producer = kafkaClient(options).producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    // Every record names its partition; said only because the library warns of its default.
    createPartitioner: Partitioners.DefaultPartitioner,
    metadataMaxAge: METADATA_AGE_MAX_MS,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
  const unsettled = new Map<Promise<unknown>, (error: Error) => void>();
  producer.on(producer.events.REQUEST_TIMEOUT, () => {
    for (const giveUp of unsettled.values()) giveUp(new Error(`a request had no answer for ${REQUEST_TIMEOUT_MS} ms`));
  });
  const disconnect = async (): Promise<void> => {
    await producer.disconnect();
    // A send that was given up goes on inside the library, which may connect again for it.
    if (unsettled.size === 0) return;
    await Promise.allSettled(unsettled.keys());
    await producer.disconnect();
  };
  const send = (to: TopicPartition, records: readonly AppendRecord[]): Promise<Offset> =>
    new Promise((resolve, reject) => {
      const sending = sendOnce(to, records);
      unsettled.set(sending, reject);
      void sending.then(resolve, reject).finally(() => unsettled.delete(sending));
    });
  const sendOnce = async (to: TopicPartition, records: readonly AppendRecord[]): Promise<Offset> => {
    const answers = await producer.send({
      topic: to.topic,
      acks: ALL_IN_SYNC_REPLICAS,
      timeout: REQUEST_TIMEOUT_MS,
      messages: records.map(({ key, value, headers, timestampMs }) => ({
        key,
        value,
        partition: to.partition,
        headers,
        timestamp: String(timestampMs),
      })),
    });
    // kafkajs can resolve without having sent: then the answer lacks the partition.
    const [answer, ...others] = answers;
    if (answer?.baseOffset === undefined || answer.partition !== to.partition || others.length > 0) {
      throw new Error(`send() answered for ${answers.length} partitions, not for the one that was asked`);
    }
    return parseOffset(answer.baseOffset);
  };
  try {
    await producer.connect();
  } catch (error) {
    await disconnect().catch(() => undefined);
    throw connectionFailure(error, options);
  }
  return { send, disconnect };
}
