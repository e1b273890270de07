// The negative control: kafkajs as its documentation invites one to use it. Idempotent with the default retries, as many sends at
// once as there are calls, and each send over whatever partitions its records have. The contract suite must find what it loses.
import { Kafka, logLevel, type RecordMetadata } from 'kafkajs';
import type { AppendRecord, TopicPartition } from '../../../kafka/log.ts';
import { type Attempt, idOf } from './append-verdict.ts';

export interface PlacedRecord {
  readonly to: TopicPartition;
  readonly record: AppendRecord;
}

export class NaiveAppender {
  readonly attempts: Attempt[] = [];
  readonly #producer;

  constructor(brokers: readonly string[]) {
    const kafka = new Kafka({ clientId: 'naive', brokers: [...brokers], logLevel: logLevel.NOTHING });
    this.#producer = kafka.producer({ idempotent: true });
  }

  async connect(): Promise<void> {
    await this.#producer.connect();
  }

  /** One send; all records are of one topic. What resolves counts as acknowledged, what rejects as unknown. */
  async send(placed: readonly PlacedRecord[]): Promise<void> {
    const topic = placed[0]?.to.topic ?? '';
    const messages = placed.map(({ to, record }) => ({
      key: record.key,
      value: record.value,
      partition: to.partition,
      timestamp: String(record.timestampMs),
    }));
    const answer = await this.#producer.send({ topic, messages }).catch((error: unknown) => String(error));
    for (const { to, record } of placed) {
      this.attempts.push({ to, ids: [idOf(record.value.toString('latin1'))], outcome: outcomeOf(answer, to) });
    }
  }

  async stop(): Promise<void> {
    await this.#producer.disconnect();
  }
}

function outcomeOf(answer: readonly RecordMetadata[] | string, { partition }: TopicPartition): Attempt['outcome'] {
  if (typeof answer === 'string') throw new Error(`the control could not send at all: ${answer}`);
  const own = answer.find((one) => one.partition === partition);
  // Resolved without a word about the partition: whoever awaits a promise takes that for success.
  return { outcome: 'acked', baseOffset: BigInt(own?.baseOffset ?? -1) };
}
