// Sweeps the outbox: replies that nobody is appending (their poster crashed, could not append them, or had no room) go to the
// log. It promises that every reply that was committed is appended at least once, under its own reply id and in order within a
// chat as far as one relay goes; several relays share the rows without waiting for each other.
//
//   take (row locks) → append, acks=all → mark sent → COMMIT
// A crash, or a lost database, between append and COMMIT: the rows are still unsent, and the same replies are appended again
// under the same ids; whoever delivers them drops the repeats. The same holds for an append with an unknown outcome.

import type { Appender, TopicPartition } from '../../kafka/log.ts';
import { backoffMs, pause } from '../../service/backoff.ts';
import type { Pool, PoolClient } from '../../service/database.ts';
import { describeError, type PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { type OutboxReply, toAppendRecord } from './dispatch.ts';
import type { CommandsMetrics } from './metrics.ts';
import { markSent, type SentReply, takeUnsent } from './outbox.ts';

export interface RelayOptions {
  readonly pool: Pool;
  readonly appender: Pick<Appender, 'append'>;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  /** Undefined when the last round succeeded, else why it did not. */
  readonly onRound: (problem: string | undefined) => void;
}

const REPLIES_MAX = 200;
/** How often rows are looked for that nobody announced: those whose lease has ended. */
const LOOK_MS = 1_000;
const RETRY_BACKOFF = { initialMs: 200, maxMs: 5_000 };

interface Round {
  readonly sent: number;
  readonly problem: string | undefined;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #stopping = new AbortController();
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
      const { sent, problem } = await this.#round();
      this.#options.onRound(problem);
      failures = problem === undefined ? 0 : failures + 1;
      if (isLast && (sent === 0 || problem !== undefined)) return;
      if (problem !== undefined) await pause(backoffMs(failures, RETRY_BACKOFF), signal);
      else if (sent === 0) await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    if (this.#announced || this.#stopping.signal.aborted) return;
    const awake = new AbortController();
    this.#interruptRest = () => awake.abort();
    await pause(LOOK_MS, awake.signal);
    this.#interruptRest = undefined;
  }

  async #round(): Promise<Round> {
    const { logger, metrics, pool } = this.#options;
    let client: PoolClient | undefined;
    try {
      client = await pool.connect();
      const round = await this.#relay(client);
      client.release();
      metrics.relayed(round.sent);
      return round;
    } catch (error) {
      // Closing the connection rolls back and frees the rows, whatever state the transaction is in.
      client?.release(true);
      logger.warn({ error: describeError(error) }, 'commands.relay.failed');
      return { sent: 0, problem: `the outbox cannot be read or marked: ${describeError(error)}` };
    }
  }

  async #relay(client: PoolClient): Promise<Round> {
    const replies = await takeUnsent(client, REPLIES_MAX);
    const lanes = Map.groupBy(replies, ({ topic, partition }) => `${topic}-${partition}`);
    const results = await Promise.all([...lanes.values()].map((lane) => this.#append(lane)));
    const sent = results.flatMap((result) => result.sent);
    killPoint('commands.relay.appended');
    if (sent.length > 0) await markSent(client, sent);
    killPoint('commands.relay.marked');
    await client.query('commit');
    return { sent: sent.length, problem: results.find(({ error }) => error !== undefined)?.error?.message };
  }

  /** Appends the replies of one partition; those without an acknowledgement stay unsent. */
  async #append(replies: readonly OutboxReply[]): Promise<{ sent: readonly SentReply[]; error: PmcError | undefined }> {
    const { appender, logger, metrics } = this.#options;
    const [first] = replies;
    if (first === undefined) return { sent: [], error: undefined };
    const to: TopicPartition = { topic: first.topic, partition: first.partition };
    const answer = await appender.append(to, replies.map(toAppendRecord));
    if (answer.outcome === 'acked') {
      const sent = replies.map(({ replyId }, index) => ({ replyId, offset: answer.baseOffset + BigInt(index) }));
      return { sent, error: undefined };
    }
    if (answer.outcome === 'rejected' && replies.length > 1) return await this.#appendEach(replies);
    metrics.appendFailed(answer.outcome, replies.length);
    const fields = { ...to, replies: replies.length, replyId: first.replyId, error: describeError(answer.error) };
    logger.warn({ outcome: answer.outcome, ...fields }, 'commands.relay.append.failed');
    return { sent: [], error: answer.error };
  }

  /** One reply that the broker refuses must not hold up the others. */
  async #appendEach(
    replies: readonly OutboxReply[],
  ): Promise<{ sent: readonly SentReply[]; error: PmcError | undefined }> {
    const sent: SentReply[] = [];
    let error: PmcError | undefined;
    for (const reply of replies) {
      const result = await this.#append([reply]);
      sent.push(...result.sent);
      error ??= result.error;
    }
    return { sent, error };
  }
}
