// How replies and calls leave the database again: lanes that append what was just posted, the relay that sweeps up what nobody
// appends, lanes of external calls, and the retention that forgets what is long done. It owns their order of starting and stopping.
import type { Codec } from '../../kafka/codec.ts';
import type { Appender } from '../../kafka/log.ts';
import { pause } from '../../service/backoff.ts';
import { type Clock, steadyClock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { OutboxReply } from './dispatch.ts';
import { CallLanes } from './external/call-lanes.ts';
import type { Declarations } from './external/declaration.ts';
import type { CommandsMetrics } from './metrics.ts';
import { Relay } from './relay.ts';
import { ReplyLanes } from './reply-lanes.ts';
import { forget } from './retention.ts';

export interface ReplyingOptions {
  readonly pool: Pool;
  readonly appender: Pick<Appender, 'append'>;
  readonly codec: Pick<Codec, 'encode'>;
  readonly declarations: Declarations;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  readonly maxAgeMs: number;
  readonly retentionMs: number;
  readonly outgoingPartitions: number;
  /** Undefined when the last sweep of the outbox succeeded and every partition takes replies, else why not. */
  readonly onRound: (problem: string | undefined) => void;
}

const FORGET_EVERY_MS = 600_000;

export class Replying {
  readonly #options: ReplyingOptions;
  readonly #lanes: ReplyLanes;
  readonly #relay: Relay;
  readonly #calls: CallLanes;
  readonly #stopping = new AbortController();
  #forgetting: Promise<void> | undefined;

  constructor(options: ReplyingOptions) {
    this.#options = options;
    const { pool, appender, logger, metrics, onRound } = options;
    this.#relay = new Relay({ pool, appender, clock: steadyClock, logger, metrics, onRound });
    this.#lanes = new ReplyLanes({ pool, appender, logger, metrics, onGivenBack: () => this.#relay.announce() });
    this.#calls = new CallLanes({ ...options, onReply: (reply) => this.#lanes.send([reply]) });
  }

  start(): void {
    this.#relay.start();
    this.#calls.start();
    this.#forgetting = this.#forget();
  }

  readonly takesReply = (reply: OutboxReply): boolean => this.#lanes.takes(reply);

  readonly onReplies = (replies: readonly OutboxReply[], isLeased: boolean): void => {
    if (isLeased) this.#lanes.send(replies);
    else this.#relay.announce();
  };

  readonly onCall = (target: string): void => this.#calls.announce(target);

  /** Calls in flight are ended, then everything that is posted is sent, once; what is then left waits for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#forgetting;
    await this.#calls.stop();
    await this.#lanes.drain();
    await this.#relay.stop();
  }

  async #forget(): Promise<void> {
    const { pool, clock, logger, metrics, retentionMs } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const deleted = await forget({ pool, clock, ageMs: retentionMs, metrics, signal });
        if (deleted.effects + deleted.outbox > 0) logger.info(deleted, 'commands.retention.forgot');
      } catch (error) {
        logger.warn({ error: describeError(error) }, 'commands.retention.failed');
      }
      await pause(FORGET_EVERY_MS, signal);
    }
  }
}
