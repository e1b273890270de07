// A consumer-group reader on kafkajs. It owns polling, heartbeats, retries and commits; a handler only handles. It promises:
// an offset is committed only after the handler returned for everything below it (a crash in between repeats work, it never
// loses any); a batch of a lost assignment is neither resolved nor committed; a handler's error hands the same records over
// again, for ever, loudly. What it cannot cure in place (a dead consumer, a re-created topic) it reports through `onFatal`.
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import kafkajs from 'kafkajs';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Batch, LogAdmin, LogRecord, OffsetGap, Reader, ReaderOptions, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { type ClientOptions, kafkaClient, METADATA_AGE_MAX_MS } from './client.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 3_000;
const REBALANCE_TIMEOUT_MS = 30_000;
const BACKGROUND_HEARTBEAT_MS = 1_000;
const INCARNATION_CHECK_MS = 5_000;

export interface KafkajsReaderOptions extends ReaderOptions, ClientOptions {
  /** Tells the topics' incarnations, which kafkajs cannot read. */
  readonly admin: LogAdmin;
  onFatal(error: PmcError): void;
}

/** What one assignment is worth: replaced as a whole at every join, so that late work of an old one is recognised. */
interface Assignment {
  readonly generation: number;
  readonly partitions: readonly TopicPartition[];
  /** Asked for at the join, and once more at every batch until there is an answer. */
  incarnations: Promise<ReadonlyMap<string, string>>;
  readonly lost: AbortController;
}

class KafkajsReader implements Reader {
  readonly #options: KafkajsReaderOptions;
  readonly #consumer: Consumer;
  readonly #expected = new Map<string, bigint>();
  #assignment: Assignment | undefined;
  #generation = 0;
  #lastProgressMs: number | undefined;
  #stopped: Promise<void> | undefined;
  #incarnationTimer: NodeJS.Timeout | undefined;

  constructor(options: KafkajsReaderOptions) {
    this.#options = options;
    this.#consumer = kafkaClient(options).consumer({
      groupId: options.groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      metadataMaxAge: METADATA_AGE_MAX_MS,
      allowAutoTopicCreation: false,
      maxBytes: 4_194_304,
      maxBytesPerPartition: 1_048_576,
      maxWaitTimeInMs: 500,
      retry: {
        retries: 1_000_000,
        initialRetryTime: 200,
        maxRetryTime: 5_000,
        restartOnFailure: () => Promise.resolve(true),
      },
    });
  }

  get assigned(): readonly TopicPartition[] {
    return this.#assignment?.partitions ?? [];
  }

  get lastProgressMs(): number | undefined {
    return this.#lastProgressMs;
  }

  async start(): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => this.#assign(payload.memberAssignment));
    this.#consumer.on(events.REBALANCING, () => this.#lose('rebalancing'));
    this.#consumer.on(events.FETCH, () => this.#progressed());
    this.#consumer.on(events.CRASH, ({ payload }) => this.#crashed(payload.error, payload.restart));
    await this.#consumer.connect();
    // fromBeginning: with anything else, a committed offset that retention overtook would silently jump to the end.
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    this.#incarnationTimer = setInterval(() => void this.#checkIncarnations(), INCARNATION_CHECK_MS);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#incarnationTimer);
    this.#assignment?.lost.abort();
    await this.#consumer.disconnect();
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const assignment = this.#assignment;
    const { topic, partition, messages } = payload.batch;
    if (assignment === undefined || assignment.lost.signal.aborted || messages.length === 0) return;
    // One failed heartbeat ends this batch, not the assignment: after a lost connection kafkajs goes on as the same member,
    // without joining again. Whether the assignment is lost, its own answer to the heartbeat's error tells.
    const inHand = new AbortController();
    const { signal } = inHand;
    const giveUp = (): void => inHand.abort();
    assignment.lost.signal.addEventListener('abort', giveUp);
    let heartbeatError: unknown;
    const beat = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        heartbeatError ??= error;
        giveUp();
      });
    }, BACKGROUND_HEARTBEAT_MS);
    try {
      const incarnation = await this.#incarnationOf(assignment, topic);
      this.#reportGap(topic, partition, parseOffset((messages[0] as KafkaMessage).offset));
      const highWatermark = parseOffset(payload.batch.highWatermark);
      for (let from = 0; from < messages.length; from += this.#options.batchRecordsMax) {
        const slice = messages.slice(from, from + this.#options.batchRecordsMax);
        const records = slice.map((message) => toRecord(topic, partition, message));
        const { generation } = assignment;
        const batch: Batch = { topic, partition, incarnation, generation, records, highWatermark, signal };
        await this.#options.handleBatch(batch);
        if (heartbeatError !== undefined) throw heartbeatError;
        if (signal.aborted || !payload.isRunning() || payload.isStale()) return;
        // Everything in the batch is durable: only now may the position move. A crash before the commit repeats the batch.
        const { offset } = records[records.length - 1] as LogRecord;
        payload.resolveOffset(String(offset));
        this.#expected.set(`${topic}-${partition}`, offset + 1n);
        const partitions = [{ partition, offset: String(offset + 1n) }];
        await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions }] });
        this.#progressed();
        await payload.heartbeat();
      }
    } catch (error) {
      throw this.#asRetriable(heartbeatError ?? error, topic, partition);
    } finally {
      clearInterval(beat);
      assignment.lost.signal.removeEventListener('abort', giveUp);
    }
  }

  /** A handler may throw anything; kafkajs would end the consumer for good on a TypeError. Its own errors pass unchanged. */
  #asRetriable(error: unknown, topic: string, partition: number): unknown {
    if (error instanceof kafkajs.KafkaJSError) return error;
    this.#options.logger.error(
      { topic, partition, error: describeError(error), stack: error instanceof Error ? error.stack : undefined },
      'kafka.reader.batch.failed',
    );
    return new kafkajs.KafkaJSError(error instanceof Error ? error : String(error), { retriable: true });
  }

  async #incarnationOf(assignment: Assignment, topic: string): Promise<string> {
    const before = assignment.incarnations;
    const known = await before.catch(() => {
      if (assignment.incarnations === before) assignment.incarnations = this.#readIncarnations();
      return assignment.incarnations;
    });
    const incarnation = known.get(topic);
    if (incarnation === undefined)
      throw new PmcError('PMC_TOPIC_MISSING', `topic ${topic} has no description`, { topic });
    return incarnation;
  }

  #assign(memberAssignment: Readonly<Record<string, number[]>>): void {
    this.#lose('joined again');
    this.#generation += 1;
    const partitions = Object.entries(memberAssignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    const incarnations = this.#readIncarnations();
    incarnations.catch(() => undefined);
    this.#assignment = { generation: this.#generation, partitions, incarnations, lost: new AbortController() };
    this.#expected.clear();
    this.#progressed();
    this.#options.logger.info({ generation: this.#generation, partitions: partitions.length }, 'kafka.reader.assigned');
    this.#options.onAssigned?.(partitions, this.#generation);
  }

  #lose(reason: string): void {
    if (this.#assignment === undefined) return;
    this.#assignment.lost.abort();
    this.#options.logger.debug({ generation: this.#assignment.generation, reason }, 'kafka.reader.revoked');
  }

  #reportGap(topic: string, partition: number, got: bigint): void {
    const expected = this.#expected.get(`${topic}-${partition}`);
    if (expected === undefined || expected === got) return;
    const gap: OffsetGap = { topic, partition, expected, got };
    this.#options.logger.warn({ topic, partition, expected: String(expected), got: String(got) }, 'kafka.reader.gap');
    this.#options.onGap?.(gap);
  }

  /** A topic deleted and created again keeps its name and restarts its offsets; kafkajs crosses that without any event. */
  async #checkIncarnations(): Promise<void> {
    const assignment = this.#assignment;
    if (assignment === undefined || assignment.lost.signal.aborted) return;
    try {
      const [before, now] = await Promise.all([assignment.incarnations, this.#readIncarnations()]);
      for (const [topic, incarnation] of now) {
        if (before.get(topic) === incarnation || assignment.lost.signal.aborted) continue;
        assignment.lost.abort();
        const message = `topic ${topic} was deleted and created again while it was being read`;
        this.#options.onFatal(
          new PmcError('PMC_TOPIC_RECREATED', message, { topic, before: before.get(topic), now: incarnation }),
        );
      }
    } catch (error) {
      this.#options.logger.debug({ error: describeError(error) }, 'kafka.reader.incarnation.unknown');
    }
  }

  async #readIncarnations(): Promise<ReadonlyMap<string, string>> {
    const topics = await this.#options.admin.topics(this.#options.topics);
    return new Map(topics.map(({ topic, incarnation }) => [topic, incarnation]));
  }

  #progressed(): void {
    this.#lastProgressMs = Date.now();
  }

  #crashed(error: Error, restart: boolean): void {
    this.#assignment?.lost.abort();
    this.#options.logger.warn({ error: describeError(error), restart }, 'kafka.reader.crashed');
    if (restart || this.#stopped !== undefined) return;
    this.#options.onFatal(
      new PmcError('PMC_READER_FAILED', 'the consumer stopped and cannot restart itself', {}, { cause: error }),
    );
  }
}

function toRecord(topic: string, partition: number, message: KafkaMessage): LogRecord {
  const headers: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const one = Array.isArray(value) ? value[value.length - 1] : value;
    if (one !== undefined) headers[name] = Buffer.isBuffer(one) ? one : Buffer.from(one);
  }
  return {
    topic,
    partition,
    offset: parseOffset(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers,
  };
}

/** Starts a reader; resolves when it is connected and subscribed (the first assignment follows). */
export async function startKafkajsReader(options: KafkajsReaderOptions): Promise<Reader> {
  const reader = new KafkajsReader(options);
  await reader.start();
  return reader;
}
