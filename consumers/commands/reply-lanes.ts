// Appends replies that this member has just posted, straight from memory: what was committed a moment ago need not be read
// back before it goes out. While it is at it the rows are leased to it; a lease that ends, because this member crashed or the
// database did not take the mark, leaves them to whoever sweeps the outbox (relay.ts), under the same reply ids.
//
//   COMMIT {effect, reply, lease} → append, acks=all → mark sent, many at a time and nobody waiting for it
import type { Appender } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { appendReplies, type OutboxReply } from './dispatch.ts';
import type { CommandsMetrics } from './metrics.ts';
import { giveBack, markSent, partitionName, type SentReply } from './outbox.ts';

export interface ReplyLanesOptions {
  readonly pool: Pool;
  readonly appender: Pick<Appender, 'append'>;
  readonly logger: Logger;
  readonly metrics: Pick<CommandsMetrics, 'relayed' | 'appendFailed'>;
  /** Some replies could not be appended, and are anybody's. */
  readonly onGivenBack: () => void;
}

/** How long a posted reply is its poster's. */
export const LEASE_MS = 10_000;
/** Of one partition: one that takes nothing takes the room of no other. */
const PENDING_MAX = 500;
const BATCH_MAX = 200;

/** The replies of one partition: appended one batch after the other. */
interface Lane {
  readonly waiting: OutboxReply[];
  /** Those that are being appended included. */
  pending: number;
  running: Promise<void> | undefined;
}

export class ReplyLanes {
  readonly #options: ReplyLanesOptions;
  readonly #lanes = new Map<string, Lane>();
  #sent: SentReply[] = [];
  #failed: string[] = [];
  #marking: Promise<void> | undefined;

  constructor(options: ReplyLanesOptions) {
    this.#options = options;
  }

  /** Whether there is room for it; what does not fit is posted without a lease. */
  takes(reply: OutboxReply): boolean {
    return (this.#lanes.get(partitionName(reply))?.pending ?? 0) < PENDING_MAX;
  }

  send(replies: readonly OutboxReply[]): void {
    for (const reply of replies) {
      const name = partitionName(reply);
      const lane: Lane = this.#lanes.get(name) ?? { waiting: [], pending: 0, running: undefined };
      this.#lanes.set(name, lane);
      lane.waiting.push(reply);
      lane.pending += 1;
      lane.running ??= this.#run(lane);
    }
  }

  /** Resolves when all that was given is appended and marked, or given back. */
  async drain(): Promise<void> {
    for (;;) {
      const running = [...this.#lanes.values()].map((lane) => lane.running).filter((one) => one !== undefined);
      if (running.length === 0 && this.#marking === undefined) return;
      await Promise.all([...running, this.#marking]);
    }
  }

  async #run(lane: Lane): Promise<void> {
    // Whatever else is sent in this turn of the event loop goes along.
    await Promise.resolve();
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, BATCH_MAX);
      await this.#append(batch);
      lane.pending -= batch.length;
    }
    // In the same turn as the last look: what is sent from now on finds no lane running.
    lane.running = undefined;
  }

  async #append(batch: readonly OutboxReply[]): Promise<void> {
    const { appender, logger, metrics } = this.#options;
    const [first] = batch;
    if (first === undefined) return;
    const to = { topic: first.topic, partition: first.partition };
    const answer = await appendReplies(appender, to, batch);
    killPoint('commands.reply.appended');
    if (answer.outcome === 'acked') {
      this.#sent.push(...batch.map(({ replyId }, index) => ({ replyId, offset: answer.baseOffset + BigInt(index) })));
      metrics.relayed(batch.length);
    } else {
      this.#failed.push(...batch.map(({ replyId }) => replyId));
      metrics.appendFailed(answer.outcome, batch.length);
      const fields = { ...to, replies: batch.length, replyId: first.replyId, error: describeError(answer.error) };
      logger.warn({ outcome: answer.outcome, ...fields }, 'commands.reply.append.failed');
    }
    this.#marking ??= this.#mark();
  }

  async #mark(): Promise<void> {
    const { pool, logger, onGivenBack } = this.#options;
    while (this.#sent.length > 0 || this.#failed.length > 0) {
      const [sent, failed] = [this.#sent, this.#failed];
      this.#sent = [];
      this.#failed = [];
      try {
        if (sent.length > 0) await markSent(pool, sent);
        killPoint('commands.reply.marked');
        if (failed.length > 0) await giveBack(pool, failed);
      } catch (error) {
        // The lease ends by itself; what was appended is then appended again, and dropped where it is delivered.
        logger.warn(
          { replies: sent.length + failed.length, error: describeError(error) },
          'commands.reply.mark.failed',
        );
      }
      if (failed.length > 0) onGivenBack();
    }
    this.#marking = undefined;
  }
}
