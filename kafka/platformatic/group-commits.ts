// Commits of a group member under the generation of its assignment, so that a late one is refused by the broker. The client's own
// commit would take the generation of the moment it is sent, which may be the next one. While one request is on its way, what
// comes up waits and goes together with the next.
import { type Consumer, offsetCommitV8 } from '@platformatic/kafka';
import { pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { laneOf } from '../group-knowledge.ts';
import type { Offset, TopicPartition } from '../log.ts';
import { brokerErrorsOf } from './failures.ts';

/** What the group knows a member by, for as long as its assignment lasts. */
export interface Member {
  readonly consumer: Consumer;
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** The broker's words for: this member is not (or not any more) what it says. */
const FENCED: ReadonlySet<string> = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);
const RETRY_PAUSE_MS = 250;
/** Shorter than the connection's own: that one has to wait out a join. */
const ANSWER_MS_MAX = 10_000;
const UNKNOWN_EPOCH = -1;

interface Pending {
  readonly of: TopicPartition;
  readonly offset: Offset;
}

export interface GroupCommitsOptions {
  readonly logger: Logger;
  /** Aborted when the assignment is over. */
  readonly lost: AbortSignal;
  /** Stores offsets, or rejects with the client's error. */
  send(offsets: readonly Pending[]): Promise<unknown>;
  /** The group has gone on without this member. */
  onFenced(): void;
}

export class GroupCommits {
  readonly #options: GroupCommitsOptions;
  #pending = new Map<string, Pending>();
  #next: Promise<boolean> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  constructor(options: GroupCommitsOptions) {
    this.#options = options;
  }

  /** True when the group has it. False when the assignment is over, also if the answer is still to come; waits out everything else. */
  async commit(of: TopicPartition, offset: Offset): Promise<boolean> {
    const { lost } = this.#options;
    if (lost.aborted) return false;
    this.#pending.set(laneOf(of), { of, offset });
    this.#next ??= this.#after(this.#current);
    const over = Promise.withResolvers<boolean>();
    const end = (): void => over.resolve(false);
    lost.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([this.#next, over.promise]);
    } finally {
      lost.removeEventListener('abort', end);
    }
  }

  async #after(current: Promise<unknown>): Promise<boolean> {
    await current;
    const pending = [...this.#pending.values()];
    this.#pending = new Map();
    this.#next = undefined;
    const sent = this.#send(pending);
    this.#current = sent;
    return await sent;
  }

  async #send(pending: readonly Pending[]): Promise<boolean> {
    const { lost, logger } = this.#options;
    while (!lost.aborted) {
      try {
        await this.#answer(pending);
        return true;
      } catch (error) {
        if (brokerErrorsOf(error).some((name) => FENCED.has(name))) {
          this.#options.onFenced();
          return false;
        }
        logger.warn({ error: describeError(error) }, 'kafka.reader.commit.failed');
        await pause(RETRY_PAUSE_MS, lost);
      }
    }
    return false;
  }

  async #answer(pending: readonly Pending[]): Promise<void> {
    const overdue = Promise.withResolvers<never>();
    const timer = setTimeout(() => overdue.reject(new Error('no answer to a commit')), ANSWER_MS_MAX);
    try {
      await Promise.race([this.#options.send(pending), overdue.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Sends one request to the group's coordinator as it is known now; heartbeats find out when it moves. */
export async function commitAs(
  { consumer, groupId, memberId, generationId }: Member,
  pending: readonly Pending[],
): Promise<void> {
  const coordinator = await consumer.findGroupCoordinator();
  const connection = (await consumer.connectToBrokers([coordinator])).get(coordinator);
  if (connection === undefined) throw new Error(`the coordinator of group ${groupId} is not in the cluster`);
  const topics = [...Map.groupBy(pending, ({ of }) => of.topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ of, offset }) => ({
      partitionIndex: of.partition,
      committedOffset: offset,
      committedLeaderEpoch: UNKNOWN_EPOCH,
      committedMetadata: null,
    })),
  }));
  await offsetCommitV8.api.async(connection, groupId, generationId, memberId, null, topics);
}
