// Membership in a consumer group: joins, beats in the background, joins again after a rebalance, and says when an assignment begins
// and ends. The client does the protocol; where it would give up (a join that failed, a coordinator that does not answer any
// more) the whole client is replaced by a new one, which is a new member.
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { ClientOptions } from '../client-options.ts';
import { accessRefusal } from '../connection-failures.ts';
import type { TopicPartition } from '../log.ts';
import { BatchConsumer } from './batch-consumer.ts';
import { accessOptions } from './client.ts';
import type { Member } from './group-commits.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 3_000;
const REBALANCE_TIMEOUT_MS = 30_000;
/** Above the longest wait that is legal: that for the other members in a join. */
const REQUEST_TIMEOUT_MS = REBALANCE_TIMEOUT_MS + 10_000;
const METADATA_AGE_MAX_MS = 30_000;
/** A goodbye waits behind a join that the coordinator has not answered; it is not worth more than this at the end. */
const LEAVE_MS_MAX = 3_000;
const JOIN_BACKOFF = { initialMs: 250, maxMs: 5_000 };
/** The name that kafkajs gives the same assignment, so that members of both clients can meet while a setting is changed. */
const PROTOCOLS = [{ name: 'RoundRobinAssigner', version: 1 }];

export interface MembershipOptions extends ClientOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  onJoined(partitions: readonly TopicPartition[], member: Member): void;
  onLost(reason: string): void;
  onHeartbeat(): void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #stopping = new AbortController();
  readonly #leaving = new Set<Promise<void>>();
  #consumer: BatchConsumer | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Joins in the background, however long it takes. */
  start(): void {
    void this.#join();
  }

  /** Becomes a new member, so that the group is assigned anew. */
  rejoin(reason: string): void {
    if (this.#consumer !== undefined) this.#replace(reason);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#leave();
    const ended = new AbortController();
    await Promise.race([Promise.all(this.#leaving), pause(LEAVE_MS_MAX, ended.signal)]);
    ended.abort();
  }

  async #join(): Promise<void> {
    for (let attempt = 1; !this.#stopping.signal.aborted; attempt += 1) {
      const consumer = this.#build();
      this.#consumer = consumer;
      try {
        await consumer.joinGroup({});
        return;
      } catch (error) {
        // Replaced or stopped in the meantime: whoever did it goes on.
        if (consumer !== this.#consumer) return;
        this.#leave();
        const reason = accessRefusal(error, this.#options) ?? error;
        this.#options.logger.warn({ error: describeError(reason), attempt }, 'kafka.reader.join.failed');
        await pause(backoffMs(attempt, JOIN_BACKOFF), this.#stopping.signal);
      }
    }
  }

  #build(): BatchConsumer {
    const options = this.#options;
    const { groupId, topics } = options;
    // It fetches nothing, but would not beat while a partition has no leader, were it the library's own.
    const consumer = new BatchConsumer({
      ...accessOptions(options),
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      heartbeatStallTimeout: SESSION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      protocols: PROTOCOLS,
      metadataMaxAge: METADATA_AGE_MAX_MS,
      retries: 5,
      autocommit: false,
    });
    consumer.topics.trackAll(...topics);
    const isCurrent = (): boolean => consumer === this.#consumer;
    consumer.on('consumer:group:join', ({ memberId, generationId = consumer.generationId, assignments = [] }) => {
      if (!isCurrent()) return;
      const partitions = assignments.flatMap(({ topic, partitions: numbers }) =>
        numbers.map((partition) => ({ topic, partition })),
      );
      options.onJoined(partitions, { consumer, groupId, memberId, generationId });
    });
    consumer.on('consumer:group:rebalance', () => isCurrent() && options.onLost('rebalancing'));
    consumer.on('consumer:heartbeat:end', () => isCurrent() && options.onHeartbeat());
    consumer.on(
      'consumer:heartbeat:stalled',
      ({ lastError }) => isCurrent() && this.#replace('no heartbeat', lastError),
    );
    // The client's word for a rejoin that it gave up: nothing would beat any more.
    consumer.on('error', (error: unknown) => isCurrent() && this.#replace('not joined again', error));
    return consumer;
  }

  #replace(reason: string, error?: unknown): void {
    const details = { client: 'platformatic', reason, ...(error !== undefined && { error: describeError(error) }) };
    this.#options.logger.warn(details, 'kafka.reader.rebuilt');
    this.#leave();
    this.#options.onLost(reason);
    void this.#join();
  }

  /** Says goodbye where it is heard, and closes in any case. */
  #leave(): void {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    this.#consumer = undefined;
    const left = consumer
      .close(true)
      .catch((error: unknown) => {
        this.#options.logger.debug({ error: describeError(error) }, 'kafka.reader.disconnect.failed');
      })
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}
