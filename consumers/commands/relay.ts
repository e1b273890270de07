// Sweeps the outbox: replies that nobody is appending (their poster crashed, could not append them, or had no room) go to the
// log. It promises that every reply that was committed is appended at least once, under its own reply id and in order within a
// chat as far as one relay goes; several relays share the rows without waiting for each other.
//
//   take (row locks) → append, acks=all → mark sent → COMMIT
// A crash, or a lost database, between append and COMMIT: the rows are still unsent, and the same replies are appended again
// under the same ids; whoever delivers them drops the repeats. The same holds for an append with an unknown outcome.
//
// A partition that took nothing is left out, however many of its replies wait, and tried apart, with a few of them, when its time has
// come: an append without an answer takes many seconds, for which the others do not wait. So is a reply that the broker refuses.
import type { Appender, TopicPartition } from '../../kafka/log.ts';
import { backoffMs, pause } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { appendReplies, type OutboxReply } from './dispatch.ts';
import type { CommandsMetrics } from './metrics.ts';
import { markSent, partitionName, type SentReply, takeOfEach, takeUnsent, withUnsent } from './outbox.ts';
import { Resting } from './resting.ts';

export interface RelayOptions {
  readonly pool: Pool;
  readonly appender: Pick<Appender, 'append'>;
  /** For intervals. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  /** Undefined when the last round succeeded and every partition takes replies, else why not. */
  readonly onRound: (problem: string | undefined) => void;
}

const REPLIES_MAX = 200;
/** So many of a partition that took nothing before. */
const TRIED_MAX = 20;
/** How often rows are looked for that nobody announced: those whose lease has ended. */
const LOOK_MS = 1_000;
const RETRY_BACKOFF = { initialMs: 200, maxMs: 5_000 };
/** What the broker has refused it takes once its settings are others. */
const REFUSED_BACKOFF = { initialMs: 5_000, maxMs: 300_000 };

interface Round {
  readonly taken: number;
  readonly sent: number;
  /** Why the database did not do its part. */
  readonly problem: string | undefined;
}

type Take = (client: PoolClient) => Promise<readonly OutboxReply[]>;

export class Relay {
  readonly #options: RelayOptions;
  readonly #stopping = new AbortController();
  readonly #stuck = new Resting<TopicPartition>(RETRY_BACKOFF);
  readonly #refused = new Resting<string>(REFUSED_BACKOFF);
  #trial: Promise<void> | undefined;
  #announced = false;
  #interruptRest: (() => void) | undefined;
  #finished: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  start(): void {
    this.#finished ??= this.#run();
  }

  /** There is something to send. */
  announce(): void {
    this.#announced = true;
    this.#interruptRest?.();
  }

  /** Sends what is there, once; what then is left waits in the outbox for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#interruptRest?.();
    await this.#finished;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; ; ) {
      const isLast = signal.aborted;
      this.#announced = false;
      if (!isLast) this.#tryStuck();
      const { taken, sent, problem } = await this.#round((client) =>
        takeUnsent(client, REPLIES_MAX, { partitions: this.#stuck.names, replyIds: this.#refusedIds }),
      );
      this.#options.onRound(problem ?? this.#stuck.problem);
      failures = problem === undefined ? 0 : failures + 1;
      if (isLast && sent === 0) break;
      if (problem !== undefined) await pause(backoffMs(failures, RETRY_BACKOFF), signal);
      else if (taken === 0) await this.#rest();
    }
    await this.#trial;
  }

  get #refusedIds(): readonly string[] {
    return this.#refused.asleep(this.#options.clock.nowMs());
  }

  async #rest(): Promise<void> {
    if (this.#announced || this.#stopping.signal.aborted) return;
    const awake = new AbortController();
    this.#interruptRest = () => awake.abort();
    const dueInMs = this.#trial === undefined ? this.#stuck.nextDueMs - this.#options.clock.nowMs() : LOOK_MS;
    await pause(Math.min(LOOK_MS, Math.max(0, dueInMs)), awake.signal);
    this.#interruptRest = undefined;
  }

  /** Beside the rounds, one at a time: those partitions whose time has come. */
  #tryStuck(): void {
    const due = this.#stuck.due(this.#options.clock.nowMs());
    if (this.#trial !== undefined || due.length === 0) return;
    const round = this.#round(async (client) => {
      const replies = await takeOfEach(client, due, TRIED_MAX, { replyIds: this.#refusedIds });
      const taken = new Set(replies.map(partitionName));
      const untaken = due.filter((one) => !taken.has(partitionName(one)));
      const waiting = await withUnsent(client, untaken);
      for (const one of untaken) {
        // In another relay's hands, who finds out.
        if (waiting.has(partitionName(one))) this.#failed(one, 'another member has its replies in hand');
        else this.#stuck.ended(partitionName(one));
      }
      return replies;
    });
    this.#trial = round.then(({ problem }) => {
      this.#trial = undefined;
      if (problem !== undefined) for (const one of due) this.#failed(one, problem);
      this.announce();
    });
  }

  async #round(take: Take): Promise<Round> {
    const { logger, metrics, pool } = this.#options;
    let client: PoolClient | undefined;
    try {
      client = await pool.connect();
      const replies = await take(client);
      const sent = await this.#relay(client, replies);
      client.release();
      metrics.relayed(sent);
      return { taken: replies.length, sent, problem: undefined };
    } catch (error) {
      // Closing the connection rolls back and frees the rows, whatever state the transaction is in.
      client?.release(true);
      logger.warn({ error: describeError(error) }, 'commands.relay.failed');
      return { taken: 0, sent: 0, problem: `the outbox cannot be read or marked: ${describeError(error)}` };
    }
  }

  async #relay(client: PoolClient, replies: readonly OutboxReply[]): Promise<number> {
    const lanes = Map.groupBy(replies, partitionName);
    const sent = (await Promise.all([...lanes.values()].map((lane) => this.#append(lane)))).flat();
    killPoint('commands.relay.appended');
    if (sent.length > 0) await markSent(client, sent);
    killPoint('commands.relay.marked');
    await client.query('commit');
    return sent.length;
  }

  /** Appends the replies of one partition; those without an acknowledgement stay unsent. */
  async #append(replies: readonly OutboxReply[]): Promise<readonly SentReply[]> {
    const { appender, clock, logger, metrics } = this.#options;
    const [first] = replies;
    if (first === undefined) return [];
    const to: TopicPartition = { topic: first.topic, partition: first.partition };
    const answer = await appendReplies(appender, to, replies);
    if (answer.outcome === 'rejected' && replies.length > 1) return await this.#appendEach(replies);
    // A refusal is about this one reply: the partition is well.
    if (answer.outcome === 'unknown') this.#failed(to, answer.error.message);
    else this.#stuck.ended(partitionName(to));
    if (answer.outcome === 'acked') {
      for (const { replyId } of replies) this.#refused.ended(replyId);
      return replies.map(({ replyId }, index) => ({ replyId, offset: answer.baseOffset + BigInt(index) }));
    }
    if (answer.outcome === 'rejected')
      this.#refused.failed(first.replyId, first.replyId, answer.error.message, clock.nowMs());
    metrics.appendFailed(answer.outcome, replies.length);
    const fields = { ...to, replies: replies.length, replyId: first.replyId, error: describeError(answer.error) };
    logger.warn({ outcome: answer.outcome, ...fields }, 'commands.relay.append.failed');
    return [];
  }

  /** One reply that the broker refuses must not hold up the others. */
  async #appendEach(replies: readonly OutboxReply[]): Promise<readonly SentReply[]> {
    const sent: SentReply[] = [];
    for (const reply of replies) {
      sent.push(...(await this.#append([reply])));
      // Nor would the next one be answered.
      if (this.#stuck.has(partitionName(reply))) break;
    }
    return sent;
  }

  #failed(to: TopicPartition, problem: string): void {
    this.#stuck.failed(partitionName(to), to, problem, this.#options.clock.nowMs());
  }
}
