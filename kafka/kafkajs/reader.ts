// A consumer-group reader on kafkajs, which polls, retries and heartbeats; kafka/reading.ts keeps the rest. A handler's error hands
// the same records over again, for ever, loudly. Seeks and pauses are told to kafkajs again at every join, because a consumer
// that restarted itself after a crash has forgotten them. What it cannot cure in place is reported through `onFatal`.
import kafkajs, { type Consumer, type EachBatchPayload, type IBatchProcessEvent } from 'kafkajs';
import { pause } from '../../service/backoff.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import type { ClientOptions } from '../client-options.ts';
import { accessRefusal } from '../connection-failures.ts';
import { laneOf } from '../group-knowledge.ts';
import type { Offset, RangeReader, Reader, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { platformaticRangeReader } from '../platformatic/range-reader.ts';
import { type Assignment, Reading, type ReadingOptions } from '../reading.ts';
import { groupConsumer } from './consumer.ts';
import { isCuredByNewClient, isOfBytes, joinAgain } from './failures.ts';
import { byTopic, committedOf, fetchedOf, hasTransactions } from './fetched.ts';
import { RepeatedTimeouts } from './repeated-timeouts.ts';
import { SlowBatches } from './slow-batches.ts';
import { UnheardMember } from './unheard-member.ts';

const BACKGROUND_HEARTBEAT_MS = 1_000;
const REST_MS = 500;
const rebuildPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_000));
/** Partitions in hand at the same time: a slow one does not hold up the others. */
const HANDLING_MAX = 3;

export interface KafkajsReaderOptions extends ReadingOptions, ClientOptions {}

class KafkajsReader implements Reader {
  readonly #options: KafkajsReaderOptions;
  readonly #reading: Reading;
  readonly #ranges: RangeReader;
  readonly #timeouts = new RepeatedTimeouts();
  readonly #slow = new SlowBatches();
  readonly #unheard: UnheardMember;
  #consumer: Consumer;
  #rebuilt: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: KafkajsReaderOptions) {
    this.#options = options;
    this.#reading = new Reading(options);
    this.#ranges = platformaticRangeReader(options);
    this.#consumer = this.#build();
    this.#unheard = new UnheardMember(this.#reading, () => this.#rebuild());
  }

  get assigned(): readonly TopicPartition[] {
    return this.#reading.assigned;
  }

  get silentMs(): number | undefined {
    return this.#reading.silentMs;
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#reading.pause(partitions);
    if (this.#reading.assignment !== undefined) this.#consumer.pause(byTopic(partitions));
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#reading.resume(partitions);
    if (this.#reading.assignment !== undefined) this.#consumer.resume(byTopic(partitions));
  }

  seek(to: TopicPartition, offset: Offset): void {
    this.#reading.seek(to, offset);
    if (this.#reading.assignment !== undefined) this.#consumer.seek({ ...to, offset: String(offset) });
  }

  async start(): Promise<void> {
    await this.#reading.recall();
    await this.#run(this.#consumer).catch((error: unknown) => {
      if (!isCuredByNewClient(error)) throw error;
      this.#rebuild();
    });
    this.#reading.start();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#unheard.stop();
    this.#reading.stop();
    await this.#rebuilt;
    await this.#consumer.disconnect();
    // Last: a batch that was in hand as the stop began may have been left to itself since.
    await this.#slow.stop();
    await this.#ranges.stop();
  }

  #build(): Consumer {
    const consumer = groupConsumer(this.#options, (one) => this.#isCurrent(one));
    this.#listen(consumer);
    return consumer;
  }

  #isCurrent(consumer: Consumer): boolean {
    return consumer === this.#consumer && this.#stopped === undefined;
  }

  #listen(consumer: Consumer): void {
    const { events } = consumer;
    // A consumer that was replaced may still speak while it leaves.
    const current =
      <E>(listen: (event: E) => void) =>
      (event: E): void => {
        if (consumer === this.#consumer) listen(event);
      };
    consumer.on(
      events.GROUP_JOIN,
      current(({ payload }) => this.#joined(payload.memberAssignment)),
    );
    const rebalancing = current(() => this.#reading.lose('rebalancing'));
    const fetched = current(() => {
      this.#reading.progressed();
      this.#reading.fetchedByName();
    });
    const heard = current(() => this.#unheard.heard());
    const timedOut = current(() => this.#timedOut());
    consumer.on(events.REBALANCING, rebalancing);
    consumer.on(events.FETCH, fetched);
    consumer.on(events.HEARTBEAT, heard);
    consumer.on(events.REQUEST_TIMEOUT, timedOut);
    consumer.on(
      events.END_BATCH_PROCESS,
      current(({ payload }) => this.#skipped(payload)),
    );
    consumer.on(
      events.CRASH,
      current(({ payload }) => this.#crashed(payload.error, payload.restart)),
    );
  }

  async #run(consumer: Consumer): Promise<void> {
    await consumer.connect();
    // fromBeginning: with anything else, a committed offset that retention overtook would silently jump to the end.
    await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: HANDLING_MAX,
      eachBatch: (payload) => this.#eachBatch(consumer, payload),
    });
  }

  #joined(memberAssignment: Readonly<Record<string, number[]>>): void {
    const partitions = Object.entries(memberAssignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    this.#reading.assign(partitions);
    const mine = new Set(partitions.map(laneOf));
    const isMine = (one: TopicPartition): boolean => mine.has(laneOf(one));
    this.#consumer.pause(byTopic(this.#reading.paused.filter(isMine)));
    for (const { to, offset } of this.#reading.sought) {
      if (isMine(to)) this.#consumer.seek({ ...to, offset: String(offset) });
    }
  }

  /** Where there are only control records kafkajs goes on without a word, and the group would stay behind. */
  #skipped({ topic, partition, batchSize, lastOffset }: IBatchProcessEvent): void {
    if (batchSize > 0 || this.#reading.assignment === undefined || this.#reading.isSought({ topic, partition })) return;
    const next = parseOffset(lastOffset) + 1n;
    this.#reading.passed({ topic, partition }, next);
    // All before it is committed. Should this be repeated late, the group is set back: records come again, none is left out.
    this.#consumer.commitOffsets([{ topic, partition, offset: String(next) }]).catch((error: unknown) => {
      this.#options.logger.debug({ topic, partition, error: describeError(error) }, 'kafka.reader.commit.failed');
    });
  }

  async #eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { assignment } = this.#reading;
    const { topic, partition, messages } = payload.batch;
    if (!this.#isCurrent(consumer)) return;
    const hold = (): void => consumer.pause(byTopic([{ topic, partition }]));
    const failure = this.#slow.takeFailure();
    if (failure instanceof kafkajs.KafkaJSProtocolError) throw failure;
    // Its earlier batch is still in hand, under this assignment or the one before.
    if (this.#slow.isLeft({ topic, partition })) return hold();
    // Sought or paused since it was fetched: it is not wanted now, and comes again when it is.
    const isUnwanted = payload.isStale() || this.#reading.isPaused(payload.batch);
    if (isUnwanted || messages.length === 0) return;
    if (this.#reading.isOver) return await pause(REST_MS);
    if (assignment === undefined) throw joinAgain();
    // Fetched under an assignment that is over, and queued until now: it is somebody else's.
    const isMine = assignment.partitions.some((one) => one.topic === topic && one.partition === partition);
    if (!isMine) return;
    const release = (): void => {
      // The pause outlasts a rebalance, and a client that has replaced this one may hold the partition too.
      if (!this.#reading.isPaused({ topic, partition })) this.#consumer.resume(byTopic([{ topic, partition }]));
    };
    const handled = this.#handle(assignment, payload);
    await this.#slow.handledOrLeft({ of: { topic, partition }, handled, hold, release });
  }

  async #handle(assignment: Assignment, payload: EachBatchPayload): Promise<void> {
    // One failed heartbeat ends this batch, not the assignment: after a lost connection kafkajs goes on as the same member,
    // without joining again. Whether the assignment is lost, its own answer to the heartbeat's error tells.
    const inHand = new AbortController();
    let heartbeatError: unknown;
    const beat = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        heartbeatError ??= error;
        inHand.abort();
      });
    }, BACKGROUND_HEARTBEAT_MS);
    try {
      await this.#hand(assignment, payload, inHand.signal);
      if (heartbeatError !== undefined) throw heartbeatError;
    } catch (error) {
      throw this.#asRetriable(heartbeatError ?? error, payload.batch);
    } finally {
      clearInterval(beat);
    }
  }

  async #hand(assignment: Assignment, payload: EachBatchPayload, signal: AbortSignal): Promise<void> {
    const { batch } = payload;
    const { topic, partition } = batch;
    const { admin } = this.#options;
    const fetched = hasTransactions(batch)
      ? await committedOf(batch, { ranges: this.#ranges, admin }, signal)
      : fetchedOf(batch);
    // Fetched again after this: a transaction that is still open holds back what is behind it.
    if (fetched === undefined) return await pause(REST_MS, signal);
    const commit = async (next: Offset): Promise<boolean> => {
      if (!payload.isRunning() || payload.isStale()) return false;
      await payload.commitOffsetsIfNecessary({
        topics: [{ topic, partitions: [{ partition, offset: String(next) }] }],
      });
      if (assignment.lost.signal.aborted || payload.isStale()) return false;
      // Only now: what could not be committed has to come again, and not to be a gap.
      payload.resolveOffset(String(next - 1n));
      return true;
    };
    await this.#reading.handle(assignment, fetched, commit, signal);
  }

  /** A handler may throw anything; kafkajs would end the consumer for good on a TypeError. Its own errors pass unchanged. */
  #asRetriable(error: unknown, { topic, partition }: TopicPartition): unknown {
    if (error instanceof kafkajs.KafkaJSError) return error;
    this.#options.logger.error(
      { topic, partition, error: describeError(error), stack: error instanceof Error ? error.stack : undefined },
      'kafka.reader.batch.failed',
    );
    return new kafkajs.KafkaJSError(error instanceof Error ? error : String(error), { retriable: true });
  }

  #crashed(error: Error, restart: boolean): void {
    this.#reading.lose('crashed');
    const refusal = accessRefusal(error, this.#options);
    this.#options.logger.warn({ error: describeError(refusal ?? error), restart }, 'kafka.reader.crashed');
    if (restart || this.#stopped !== undefined) return;
    if (refusal === undefined && isCuredByNewClient(error)) return this.#rebuild();
    if (refusal === undefined && isOfBytes(error)) return this.#rebuild(rebuildPause());
    const stopped = 'the consumer stopped and cannot restart itself';
    this.#options.onFatal(refusal ?? new PmcError('PMC_READER_FAILED', stopped, {}, { cause: error }));
  }

  /** A client whose requests time out again and again may hold a dead socket or half an answer: only a new one is sound. */
  #timedOut(): void {
    if (this.#timeouts.isRepeated(Date.now()) && this.#stopped === undefined) this.#rebuild();
  }

  #rebuild(after = Promise.resolve()): void {
    this.#options.logger.warn({ client: 'kafkajs' }, 'kafka.reader.rebuilt');
    const old = this.#consumer;
    const fresh = this.#build();
    this.#consumer = fresh;
    this.#reading.lose('client rebuilt');
    old.disconnect().catch((error: unknown) => {
      this.#options.logger.debug({ error: describeError(error) }, 'kafka.reader.disconnect.failed');
    });
    this.#rebuilt = after.then(() => this.#restart(fresh));
  }

  async #restart(fresh: Consumer): Promise<void> {
    if (!this.#isCurrent(fresh)) return;
    try {
      await this.#run(fresh);
      // Replaced or stopped while it joined: it has not heard of the disconnect.
      if (!this.#isCurrent(fresh)) await fresh.disconnect();
    } catch (error) {
      this.#options.logger.warn({ error: describeError(error) }, 'kafka.reader.connect.failed');
      // Another one, which may begin with another broker: this one would go on with the same.
      if (this.#isCurrent(fresh)) this.#rebuild(rebuildPause());
    }
  }
}

/** Starts a reader; resolves when it is connected and subscribed (the first assignment follows). */
export async function startKafkajsReader(options: KafkajsReaderOptions): Promise<Reader> {
  const reader = new KafkajsReader(options);
  await reader.start();
  return reader;
}
