// Makes the calls of one endpoint, as many at a time as it allows and no more; a slow endpoint holds up nobody but itself. It
// promises that a call has one outcome, which is durable together with the reply, and that a call is not made again where it
// is not known whether it was made, unless the endpoint says that this does no harm.
//
//   take (lease) → COMMIT → request → answer → COMMIT {outcome, reply}
// A crash before the request, or anywhere behind it, looks the same from outside: the lease ends, and the call is called unknown. A
// database that is away is no crash: whoever has an outcome keeps it until it is back, and has time then to write it down; what was
// taken, while the answer that says so was lost, is taken again by the same lane, which knows that it has not made it.
import { randomUUID } from 'node:crypto';
import { storable } from '../../../schemas/column-text.ts';
import { pause } from '../../../service/backoff.ts';
import type { Clock } from '../../../service/clock.ts';
import { failureOf, type Pool } from '../../../service/database.ts';
import { describeError } from '../../../service/errors.ts';
import { killPoint } from '../../../service/kill-point.ts';
import type { Logger } from '../../../service/logger.ts';
import type { OutboxReply } from '../dispatch.ts';
import type { CommandsMetrics } from '../metrics.ts';
import { persevere } from '../persevere.ts';
import { LEASE_MS } from '../reply-lanes.ts';
import { endCall, postponeCall, type TakenCall, takeCalls } from './calls.ts';
import type { Endpoint } from './declaration.ts';
import { type CallEndpoint, callMsMax } from './endpoint-caller.ts';
import { type Attempt, abandonedAttempt, lastWord } from './outcome.ts';
import { type Patience, postponementMs } from './postponement.ts';
import type { CallOutcome } from './reply-text.ts';

export interface CallLaneOptions {
  readonly endpoint: Pick<Endpoint, 'target' | 'method' | 'concurrency' | 'isIdempotent' | 'timeoutMs' | 'retries'>;
  readonly call: CallEndpoint;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<CommandsMetrics, 'callEnded' | 'retried'>;
  /** A command is not carried out when it has waited longer than this. */
  readonly maxAgeMs: number;
  /** The reply that tells of an outcome; undefined where nobody waits for one. */
  readonly replyOf: (call: TakenCall, outcome: CallOutcome) => { source: string; reply: OutboxReply } | undefined;
  readonly onReply: (reply: OutboxReply) => void;
  /** With it, what an ill endpoint has not done is tried again later; undefined where somebody waits for the answer. */
  readonly patience?: Patience;
}

/** How often calls are looked for that nobody announced: those of a member that crashed. */
const LOOK_MS = 1_000;
const LEASE_SLACK_MS = 5_000;
/** Longer than whoever keeps an outcome takes to try once more (7.5 s, and 5 s to connect): nobody takes over what was begun so shortly after the database was away. */
const AWAY_SLACK_MS = 20_000;
/** How long the outcome of a call is kept behind a stop while the database does not take it. */
const END_MS_MAX = 30_000;

export class CallLane {
  readonly #options: CallLaneOptions;
  readonly #stopping = new AbortController();
  readonly #givenUp = new AbortController();
  readonly #inFlight = new Map<string, Promise<void>>();
  #taker = randomUUID();
  #takesAbandonedFromMs = Number.NEGATIVE_INFINITY;
  #announced = false;
  #wake: (() => void) | undefined;
  #finished: Promise<void> | undefined;

  constructor(options: CallLaneOptions) {
    this.#options = options;
  }

  start(): void {
    this.#finished ??= this.#run();
  }

  /** There is something to call, or room for it. */
  announce(): void {
    this.#announced = true;
    this.#wake?.();
  }

  /** Takes nothing more and ends what it has; what waits, waits for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    const overdue = setTimeout(() => this.#givenUp.abort(), END_MS_MAX);
    await this.#finished;
    await Promise.all(this.#inFlight.values());
    clearTimeout(overdue);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#announced = false;
      const taken = await this.#take();
      for (const call of taken) {
        const inFlight = this.#carryOut(call).finally(() => {
          this.#inFlight.delete(call.eventKey);
          this.announce();
        });
        this.#inFlight.set(call.eventKey, inFlight);
      }
      if (taken.length === 0) await this.#rest();
    }
  }

  async #take(): Promise<readonly TakenCall[]> {
    const { endpoint, pool, logger } = this.#options;
    const callsMax = endpoint.concurrency - this.#inFlight.size;
    if (callsMax <= 0) return [];
    const leaseMs = callMsMax(endpoint) + LEASE_SLACK_MS;
    const takesAbandoned = performance.now() >= this.#takesAbandonedFromMs;
    try {
      const inHand = [...this.#inFlight.keys()];
      const options = { callsMax, leaseMs, inHand, takesAbandoned, taker: this.#taker };
      const taken = await takeCalls(pool, endpoint.target, options);
      // They are begun with now, which may not be taken for never begun, whatever becomes of them and of the database.
      if (taken.length > 0) this.#taker = randomUUID();
      return taken;
    } catch (error) {
      this.#wasAway();
      logger.warn({ target: endpoint.target, error: describeError(error) }, 'commands.calls.unread');
      return [];
    }
  }

  async #rest(): Promise<void> {
    if (this.#announced || this.#stopping.signal.aborted) return;
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    await pause(LOOK_MS, awake.signal);
    this.#wake = undefined;
  }

  async #carryOut(call: TakenCall): Promise<void> {
    const { endpoint, pool, logger, metrics, onReply, replyOf } = this.#options;
    const { target } = endpoint;
    try {
      killPoint('commands.call.taken');
      const outcome = await this.#outcomeOf(call);
      killPoint('commands.call.answered');
      const delayMs = this.#postponementMs(call, outcome);
      if (delayMs !== undefined) return await this.#postpone(call, outcome, delayMs);
      const reply = replyOf(call, outcome);
      const end = { eventKey: call.eventKey, status: outcome.status, detail: storable(outcome.reason), reply };
      const isNew = await this.#persevere('end-call', () => endCall(pool, end, LEASE_MS));
      killPoint('commands.call.ended');
      metrics.callEnded(target, outcome.status);
      const fields = { target, eventKey: call.eventKey, status: outcome.status, reason: outcome.reason };
      logger[outcome.status === 'done' ? 'debug' : 'warn'](fields, 'commands.call.ended');
      if (isNew && reply !== undefined) onReply(reply.reply);
    } catch (error) {
      // The lease ends by itself, and the call is then called unknown.
      logger.error({ target, eventKey: call.eventKey, error: describeError(error) }, 'commands.call.unfinished');
    }
  }

  /** Until the database has it. Not for as long as the lane runs, but for longer: what was called is to be told of, too. */
  async #persevere<T>(step: string, work: () => Promise<T>): Promise<T> {
    const { logger, metrics } = this.#options;
    return await persevere(work, {
      ...{ step, logger, signal: this.#givenUp.signal },
      isPassing: (error) => failureOf(error) === 'infrastructure',
      onRetry: () => {
        this.#wasAway();
        metrics.retried();
      },
    });
  }

  #wasAway(): void {
    this.#takesAbandonedFromMs = performance.now() + AWAY_SLACK_MS;
  }

  /** Only what cannot have been done, or does no harm when it is done again, is called again so much later. */
  #postponementMs({ triedForMs }: TakenCall, outcome: Attempt): number | undefined {
    const { patience } = this.#options;
    const { status, isEndpointIll, isOurs, isRepeatable } = outcome;
    const mayPass = isEndpointIll || isOurs === true;
    if (patience === undefined || status === 'done' || !mayPass || !isRepeatable) return undefined;
    return postponementMs(triedForMs, patience);
  }

  async #postpone({ eventKey }: TakenCall, { status, reason }: Attempt, delayMs: number): Promise<void> {
    const { endpoint, pool, logger, metrics } = this.#options;
    const { target } = endpoint;
    await this.#persevere('postpone-call', () => postponeCall(pool, eventKey, delayMs, status === 'unknown'));
    metrics.callEnded(target, 'postponed');
    logger.warn({ target, eventKey, delayMs, reason }, 'commands.call.postponed');
  }

  async #outcomeOf(taken: TakenCall): Promise<Attempt> {
    const { endpoint } = this.#options;
    if (!taken.isAbandoned) return await this.#attempt(taken);
    const reason =
      taken.triedForMs === 0 ? 'whoever was calling did not come back' : 'an earlier attempt did not come to an end';
    const former = abandonedAttempt(endpoint, reason);
    return endpoint.isIdempotent ? lastWord([former, await this.#attempt(taken)]) : former;
  }

  async #attempt({ eventKey, given, receivedAtMs }: TakenCall): Promise<Attempt> {
    const { call, clock, maxAgeMs } = this.#options;
    if (clock.nowMs() - receivedAtMs <= maxAgeMs) return await call(eventKey, (name) => given[name]);
    const reason = 'it had to wait for so long that nobody may want it any more';
    return { status: 'failed', reason, isRepeatable: false, isEndpointIll: false, answer: undefined };
  }
}
