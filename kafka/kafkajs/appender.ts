// Appends by kafkajs' idempotent producer, kept away from its two silent losses: one send() carries one partition, and at
// most one send() per partition is unsettled. (With several, a lost acknowledgement makes the library reuse a sequence
// range, and the broker acknowledges the second batch as a duplicate of the first without storing it.)
//
// After an unknown outcome the producer is replaced: its producer id may be fenced or out of sequence for good. Batches in
// flight on the old one finish there.
import type { Producer } from 'kafkajs';
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Appender, AppendOutcome, AppendRecord, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { type ClientOptions, kafkaClient, METADATA_AGE_MAX_MS, REQUEST_TIMEOUT_MS } from './client.ts';
import { failedAppend } from './failures.ts';

interface Incumbent {
  readonly producer: Producer;
  inFlight: number;
  retired: boolean;
}

const ALL_IN_SYNC_REPLICAS = -1;
const CONNECT_BACKOFF = { initialMs: 250, maxMs: 5_000 };

class KafkajsAppender implements Appender {
  readonly #options: ClientOptions;
  /** The tail of each partition's queue: the next append waits for it. */
  readonly #tails = new Map<string, Promise<unknown>>();
  #current: Promise<Incumbent>;
  readonly #stopping = new AbortController();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#current = this.#connect();
  }

  async append(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    const lane = `${to.topic}-${to.partition}`;
    const before = this.#tails.get(lane) ?? Promise.resolve();
    const settled = before.then(() => this.#send(to, records));
    this.#tails.set(lane, settled);
    return await settled;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tails.values());
    this.#stopping.abort();
    const incumbent = await this.#current.catch(() => undefined);
    await incumbent?.producer.disconnect();
  }

  async #send(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    let incumbent: Incumbent | undefined;
    try {
      incumbent = await this.#current;
      incumbent.inFlight += 1;
      const answers = await incumbent.producer.send({
        topic: to.topic,
        acks: ALL_IN_SYNC_REPLICAS,
        timeout: REQUEST_TIMEOUT_MS,
        messages: records.map((record) => ({
          key: record.key,
          value: record.value,
          partition: to.partition,
          headers: record.headers,
          timestamp: String(record.timestampMs),
        })),
      });
      const [answer, ...others] = answers;
      if (answer?.baseOffset === undefined || answer.partition !== to.partition || others.length > 0) {
        throw new Error(`send() answered for ${answers.length} partitions, not for the one that was asked`);
      }
      return { outcome: 'acked', baseOffset: parseOffset(answer.baseOffset) };
    } catch (error) {
      const failed = failedAppend(error, to);
      if (failed.outcome === 'unknown' && incumbent !== undefined) this.#replace(incumbent);
      return failed;
    } finally {
      if (incumbent !== undefined) {
        incumbent.inFlight -= 1;
        this.#release(incumbent);
      }
    }
  }

  #replace(incumbent: Incumbent): void {
    if (incumbent.retired || this.#stopping.signal.aborted) return;
    incumbent.retired = true;
    this.#options.logger.warn({ client: 'kafkajs' }, 'kafka.appender.recycled');
    this.#current = this.#connect();
  }

  #release(incumbent: Incumbent): void {
    if (!incumbent.retired || incumbent.inFlight > 0) return;
    incumbent.producer.disconnect().catch((error: unknown) => {
      this.#options.logger.warn({ error: describeError(error) }, 'kafka.appender.disconnect.failed');
    });
  }

  async #connect(): Promise<Incumbent> {
    for (let attempt = 1; ; attempt += 1) {
      const producer = kafkaClient(this.#options).producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        metadataMaxAge: METADATA_AGE_MAX_MS,
        retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000 },
      });
      try {
        await producer.connect();
        return { producer, inFlight: 0, retired: false };
      } catch (error) {
        await producer.disconnect().catch(() => undefined);
        if (this.#stopping.signal.aborted) throw error;
        this.#options.logger.warn({ error: describeError(error), attempt }, 'kafka.appender.connect.failed');
        await pause(backoffMs(attempt, CONNECT_BACKOFF), this.#stopping.signal);
      }
    }
  }
}

/** An appender that connects in the background and keeps trying; appends wait for the connection. */
export function kafkajsAppender(options: ClientOptions): Appender {
  return new KafkajsAppender(options);
}
