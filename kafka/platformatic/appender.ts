// Appends by the idempotent producer of @platformatic/kafka; kafka/appending.ts keeps it within what it can be trusted with.
//
// One thing more it cannot be trusted with: it takes a partition that is not there for another one that is. So metadata is made fresh before a
// send, and kept for longer inside it.
import { ProduceAcks, ProtocolError, UserError } from '@platformatic/kafka';
import { Appending, NotSent, type Producing } from '../appending.ts';
import type { AppenderOptions, ClientOptions } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import type { Appender, AppendRecord, Offset, TopicPartition } from '../log.ts';
import { BatchProducer } from './batch-producer.ts';
import { accessOptions } from './client.ts';
import { failedAppend } from './failures.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** Of the broker, for all replicas to have it. Shorter: its answer says which partition of a request it is that has to wait. */
const REPLICAS_TIMEOUT_MS = 7_000;
const METADATA_AGE_MAX_MS = 30_000;
const NO_LEADER = -1;

/** An appender that connects in the background and keeps trying; appends wait for the connection. */
export function platformaticAppender(options: AppenderOptions): Appender {
  return new Appending({ ...options, client: 'platformatic', connect: () => connect(options), failed: failedAppend });
}

async function connect(options: ClientOptions): Promise<Producing> {
  const producer = new BatchProducer({
    ...accessOptions(options),
    acks: ProduceAcks.ALL,
    autocreateTopics: false,
    timeout: REPLICAS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    metadataMaxAge: 10 * METADATA_AGE_MAX_MS,
    // Fewer than two would be taken for "for ever" by an idempotent producer.
    retries: 3,
    // A retry asks for fresh metadata anyway (produce-answer.ts); this way would throw away those of the other topics.
    repeatOnStaleMetadata: false,
  });
  const disconnect = (): Promise<void> => producer.close();
  const send = async ({ topic, partition }: TopicPartition, records: readonly AppendRecord[]): Promise<Offset> => {
    while (!isFresh(producer.currentMetadata?.topics.get(topic))) await refresh(topic);
    // It may have one by now.
    if (leaderOf({ topic, partition }) === NO_LEADER) await refresh(topic);
    const leader = leaderOf({ topic, partition });
    if (leader === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', null);
    if (leader === NO_LEADER)
      throw new NotSent(`${topic}-${partition}`, new ProtocolError('LEADER_NOT_AVAILABLE', null));
    return await producer.append({ topic, partition }, records);
  };
  const isFresh = (topic: { lastUpdate: number } | undefined): boolean => {
    if (topic === undefined) return false;
    const ageMs = Date.now() - topic.lastUpdate;
    // Below zero the clock was set back, and nobody knows how old it is.
    return ageMs >= 0 && ageMs < METADATA_AGE_MAX_MS;
  };
  const leaderOf = ({ topic, partition }: TopicPartition): number | undefined =>
    producer.currentMetadata?.topics.get(topic)?.partitions[partition]?.leader;
  const refresh = async (topic: string): Promise<void> => {
    await producer.metadata({ topics: [topic], forceUpdate: true }).catch((error: unknown) => {
      // The library makes a mistake of the caller out of the broker's answer; nothing else here could be one.
      const isUnknown = error instanceof UserError;
      throw isUnknown ? new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', null, { cause: error }) : error;
    });
  };
  try {
    await producer.initIdempotentProducer({});
  } catch (error) {
    await disconnect().catch(() => undefined);
    throw connectionFailure(error, options);
  }
  return { send, disconnect };
}
