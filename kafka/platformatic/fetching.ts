// Fetches for one assignment of a group reader: per broker one request at a time for all partitions that it leads and that can take more. The
// client's own stream of messages is not used: it makes a stream event of every record, asks for responses so large that taking
// them apart becomes quadratic, and commits under a generation that it may have got after the record.
//
// Topics are asked for by id: one that was deleted and created again under the same name is refused by the broker, not read.
import { FetchIsolationLevels } from '@platformatic/kafka';
import { backoffMs, pause, unlessAborted } from '../../service/backoff.ts';
import { steadyClock } from '../../service/clock.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import type { ClientOptions } from '../client-options.ts';
import type { Offset, PartitionEnds, ReaderOptions, TopicPartition } from '../log.ts';
import { GATHERED_BYTES } from '../reading.ts';
import type { AssignedLanes, FetchedRange, Lane } from './assigned-lanes.ts';
import { BatchConsumer } from './batch-consumer.ts';
import { accessOptions } from './client.ts';
import { brokerErrorsOf } from './failures.ts';
import { answerIn, type FetchAnswer, type FetchedPartition } from './fetch-answer.ts';
import { rangeOf } from './stored-batches.ts';

/**
 * Size of a response, which one partition may fill: with less for each, a batch as large as a topic may hold waits until its partition
 * is the first one that has something. Not more, because what is taken apart should be dead before a collection has to move it.
 */
const BYTES_MAX = 1_048_588;
const WAIT_MS = 500;
/** While a partition is left out because its handler is busy: it must not wait for the silence of the others. */
const SHORT_WAIT_MS = 20;
const REFUSED_PAUSE_MS = 250;
/** Where nobody could say what is wrong with it. */
const UNEXPLAINED_PAUSE_MS = 1_000;
const UNREADABLE_PAUSE_MS = 5_000;
const FAILED_BACKOFF = { initialMs: 250, maxMs: 5_000 };
const REQUEST_TIMEOUT_MS = 10_000;
const METADATA_AGE_MAX_MS = 30_000;
/** While a partition has no leader. */
const LEADERLESS_AGE_MAX_MS = 1_000;
const UNKNOWN_EPOCH = -1;
const OFFSET_OUT_OF_RANGE = 1;
/** The client and the broker do not mean the same by their session, which the client has forgotten by then. */
const OUT_OF_STEP = new Set([
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
]);

export interface FetchingOptions extends ClientOptions, Pick<ReaderOptions, 'gatherMs'> {
  ends(topic: string, only: readonly number[]): Promise<ReadonlyMap<number, PartitionEnds>>;
  onProgress(): void;
}

/** The fetches of one assignment. */
export interface FetchTask {
  readonly lanes: AssignedLanes;
  /** The topics' ids at the join. */
  readonly incarnations: ReadonlyMap<string, string>;
  /** Aborted when the assignment is over. */
  readonly signal: AbortSignal;
  isHeld(lane: Lane): boolean;
  onFetched(lane: Lane, fetched: FetchedRange): void;
  /** The log ends before the lane's position, and has been gone back to its beginning in. */
  onShortened(lane: Lane, begin: Offset): Promise<void>;
  onRecreated(topic: string, before: string | undefined, now: string): void;
}

export class Fetching {
  readonly #options: FetchingOptions;
  readonly #client: BatchConsumer;
  /** Aborted to end the waits of brokers' loops that had nothing to ask for. */
  #idle = new AbortController();
  /** Every partition has a leader, as far as is known. */
  #isLed = true;
  /** When the leaders were asked for last: the client goes by the wall clock, and asks for nothing as long as that is behind. */
  #ledMs = Number.NEGATIVE_INFINITY;
  /** What goes on about partitions that were refused: one question of each. */
  readonly #questions = new Map<Lane, Promise<void>>();

  constructor(options: FetchingOptions) {
    this.#options = options;
    // A client of its own for every assignment: a fetch that still waits for the one before it would get the client's fetch
    // session out of step with the broker's. The group id is demanded but never joined: fetch() bypasses the group. Every retry is
    // made here. A request that times out destroys its connection, so a broker that vanished without a word is dialled anew.
    this.#client = new BatchConsumer({
      ...accessOptions(options),
      groupId: `${options.clientId}-ungrouped`,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retries: 0,
    });
  }

  /** Fetches until the task's signal aborts; then closes its connections and resolves. To be called once. */
  async run(task: FetchTask): Promise<void> {
    const { lanes, signal } = task;
    const brokers = new Map<number, Promise<void>>();
    for (let failures = 0; !signal.aborted; ) {
      try {
        for (const broker of new Set((await this.#leaders(lanes.all)).values())) {
          // A broker's loop ends when it leads nothing more, and begins again when it does.
          if (brokers.has(broker)) continue;
          const loop = this.#fetchFrom(broker, task).finally(() => brokers.delete(broker));
          brokers.set(broker, loop);
        }
        failures = 0;
        await pause(REFUSED_PAUSE_MS, signal);
      } catch (error) {
        failures += 1;
        await this.#failed(lanes.all, error, failures, signal);
      }
    }
    await Promise.all([this.#client.close(true), ...brokers.values()]);
    await Promise.all(this.#questions.values());
  }

  /** There may be something to ask for again: something was handed over, resumed or sought. */
  wake(): void {
    this.#idle.abort();
    this.#idle = new AbortController();
  }

  async #fetchFrom(broker: number, task: FetchTask): Promise<void> {
    const { lanes, signal } = task;
    let failures = 0;
    const waitMs = this.#options.gatherMs ?? WAIT_MS;
    let shortWaitMs = SHORT_WAIT_MS;
    while (!signal.aborted) {
      let asked: readonly Lane[] = [];
      try {
        const leaders = await this.#leaders(lanes.all);
        const led = lanes.all.filter((lane) => leaders.get(lane) === broker && !task.isHeld(lane));
        if (led.length === 0 && ![...leaders.values()].includes(broker)) return;
        asked = lanes.fetchable(led, steadyClock.nowMs());
        if (asked.length === 0) {
          await pause(REFUSED_PAUSE_MS, AbortSignal.any([signal, this.#idle.signal]));
          continue;
        }
        const isQuiet = await this.#fetch(broker, asked, asked.length === led.length ? waitMs : shortWaitMs, task);
        shortWaitMs = isQuiet ? Math.min(waitMs, shortWaitMs * 2) : SHORT_WAIT_MS;
        failures = 0;
      } catch (error) {
        failures += 1;
        await this.#failed(asked, error, failures, signal);
      }
    }
  }

  /** Resolves with whether nothing came. */
  async #fetch(node: number, lanes: readonly Lane[], maxWaitTime: number, task: FetchTask): Promise<boolean> {
    const { incarnations, signal } = task;
    const from = new Map(lanes.map((lane) => [lane, lane.position]));
    const topics = [...Map.groupBy(lanes, ({ of }) => of.topic)].map(([topic, ofTopic]) => ({
      topicId: incarnations.get(topic) ?? '',
      partitions: ofTopic.map((lane) => ({
        partition: lane.of.partition,
        currentLeaderEpoch: UNKNOWN_EPOCH,
        fetchOffset: lane.position,
        lastFetchedEpoch: UNKNOWN_EPOCH,
        partitionMaxBytes: BYTES_MAX,
      })),
    }));
    const isolationLevel = FetchIsolationLevels.READ_COMMITTED;
    const minBytes = this.#options.gatherMs === undefined ? 1 : GATHERED_BYTES;
    const request = { node, topics, minBytes, maxBytes: BYTES_MAX, maxWaitTime, isolationLevel };
    const answer = await this.#ask(request);
    this.#options.onProgress();
    let isQuiet = true;
    for (const { topicId, partitions } of answer.responses) {
      for (const answered of partitions) {
        const lane = lanes.find(
          ({ of }) => incarnations.get(of.topic) === topicId && of.partition === answered.partitionIndex,
        );
        const asked = lane === undefined ? undefined : from.get(lane);
        // Sought or lost in the meantime: what comes is not what is wanted.
        if (lane === undefined || asked !== lane.position || signal.aborted) continue;
        if (answered.errorCode !== 0) {
          this.#refused(lane, answered.errorCode, task);
          continue;
        }
        const fetched = this.#read(lane, answered);
        if (fetched === undefined) continue;
        isQuiet = false;
        lane.position = fetched.next;
        task.onFetched(lane, fetched);
      }
    }
    return isQuiet;
  }

  /**
   * Once more where the session is out of step: the client does not count an answer in which a partition was refused, and the broker does; and
   * a broker forgets sessions when it has too many.
   */
  async #ask(request: Parameters<BatchConsumer['fetchStored']>[0]): Promise<FetchAnswer> {
    const answer = await this.#client.fetchStored(request).catch((error: unknown) => {
      return brokerErrorsOf(error).some((name) => OUT_OF_STEP.has(name)) ? undefined : answerIn(error);
    });
    return answer ?? (await this.#client.fetchStored(request).catch(answerIn));
  }

  /** Undefined where there is nothing yet, or nothing that can be read: its partition waits then, the others go on. */
  #read(lane: Lane, answered: FetchedPartition): FetchedRange | undefined {
    const { of, position } = lane;
    try {
      const range = rangeOf(of, answered, position);
      return range.next <= position ? undefined : { ...range, highWatermark: answered.highWatermark };
    } catch (cause) {
      lane.notBeforeMs = steadyClock.nowMs() + UNREADABLE_PAUSE_MS;
      const { topic, partition } = of;
      const message = `a batch of ${topic}-${partition} from offset ${position} on cannot be read; its partition waits`;
      const code = cause instanceof PmcError ? cause.code : 'PMC_BATCH_DAMAGED';
      const error = new PmcError(code, message, { topic, partition }, { cause });
      this.#options.logger.error({ topic, partition, error: describeError(error) }, 'kafka.reader.batch.unreadable');
      return undefined;
    }
  }

  /** Left out until it is known what is wrong with it. Nothing else waits for that: who is asked may be a broker that never answers. */
  #refused(lane: Lane, errorCode: number, task: FetchTask): void {
    const { topic, partition } = lane.of;
    this.#options.logger.warn({ topic, partition, errorCode }, 'kafka.reader.fetch.refused');
    // Sought while it was asked about, and refused there, too.
    const isAsked = this.#questions.has(lane);
    lane.notBeforeMs = isAsked ? steadyClock.nowMs() + REFUSED_PAUSE_MS : Number.POSITIVE_INFINITY;
    if (isAsked) return;
    const question = this.#explain(lane, errorCode, task).finally(() => this.#questions.delete(lane));
    this.#questions.set(lane, question);
  }

  async #explain(lane: Lane, errorCode: number, task: FetchTask): Promise<void> {
    const { moves, of } = lane;
    let restMs = REFUSED_PAUSE_MS;
    try {
      if (errorCode === OFFSET_OUT_OF_RANGE) await this.#backToTheLog(lane, task);
      else await this.#sameTopic(of.topic, task);
    } catch (error) {
      if (task.signal.aborted) return;
      restMs = UNEXPLAINED_PAUSE_MS;
      this.#options.logger.warn({ ...of, error: describeError(error) }, 'kafka.reader.refusal.unexplained');
    }
    // Where it was moved to, by this or by a seek, it has not been refused.
    if (lane.moves === moves) lane.notBeforeMs = steadyClock.nowMs() + restMs;
    this.wake();
  }

  /**
   * Retention that overtook the reader, or a log that became shorter: the reader goes on where the log begins. Whoever hands over sees
   * the first in what comes; the second has to be told, or it would be taken for what was handed over before.
   */
  async #backToTheLog(lane: Lane, task: FetchTask): Promise<void> {
    const { topic, partition } = lane.of;
    const { moves } = lane;
    const end = (await unlessAborted(this.#options.ends(topic, [partition]), task.signal)).get(partition);
    const { position } = lane;
    if (end === undefined || task.signal.aborted || lane.moves !== moves) return;
    if (position >= end.logStart && position <= end.highWatermark) return;
    task.lanes.moveTo(lane.of, end.logStart);
    if (position > end.highWatermark) await task.onShortened(lane, end.logStart);
  }

  /** Whether it is still the topic of the join. */
  async #sameTopic(topic: string, task: FetchTask): Promise<void> {
    const question = this.#client.metadata({ topics: [topic], forceUpdate: true });
    const { topics } = await unlessAborted(question, task.signal);
    const [before, now] = [task.incarnations.get(topic), topics.get(topic)?.id];
    if (now !== undefined && now !== before && !task.signal.aborted) task.onRecreated(topic, before, now);
  }

  async #failed(lanes: readonly Lane[], error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const details = { names: brokerErrorsOf(error), error: describeError(error), failures };
    this.#options.logger.warn(details, 'kafka.reader.fetch.failed');
    await pause(backoffMs(failures, FAILED_BACKOFF), signal);
    // Fails like the fetch did as long as no broker answers.
    await this.#client.metadata({ topics: topicsOf(lanes), forceUpdate: true }).catch(() => undefined);
  }

  /** Of those that have one. */
  async #leaders(lanes: readonly Lane[]): Promise<ReadonlyMap<Lane, number>> {
    const nowMs = steadyClock.nowMs();
    const forceUpdate = nowMs - this.#ledMs >= (this.#isLed ? METADATA_AGE_MAX_MS : LEADERLESS_AGE_MAX_MS);
    const metadata = await this.#client.metadata({ topics: topicsOf(lanes), forceUpdate });
    if (forceUpdate) this.#ledMs = nowMs;
    const leaders = lanes.flatMap((lane) => {
      const leader = metadata.topics.get(lane.of.topic)?.partitions[lane.of.partition]?.leader;
      return leader === undefined || leader < 0 ? [] : [[lane, leader] as const];
    });
    this.#isLed = leaders.length === lanes.length;
    return new Map(leaders);
  }
}

function topicsOf(lanes: readonly { readonly of: TopicPartition }[]): string[] {
  return [...new Set(lanes.map(({ of }) => of.topic))];
}
