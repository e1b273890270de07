// All lanes of external calls: one for each declared API and webhook, what wakes them, and what is said of calls whose
// endpoint is declared no longer.
import type { Codec } from '../../../kafka/codec.ts';
import type { Dispatch } from '../../../schemas/generated.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import type { Clock } from '../../../service/clock.ts';
import type { Pool } from '../../../service/database.ts';
import { describeError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import { type OutboxReply, toOutboxReply } from '../dispatch.ts';
import type { CommandsMetrics } from '../metrics.ts';
import { persevere } from '../persevere.ts';
import { CallLane, type CallLaneOptions } from './call-lane.ts';
import { type TakenCall, undeclaredTargets } from './calls.ts';
import type { Api, Declarations, Endpoint } from './declaration.ts';
import { endpointCaller } from './endpoint-caller.ts';
import { FindingWebhook } from './finding-webhook.ts';
import { lookUp, NameLookups, type Resolve } from './names.ts';
import type { Patience } from './postponement.ts';
import { type CallOutcome, replyTo } from './reply-text.ts';

export interface CallLanesOptions {
  readonly declarations: Declarations;
  readonly pool: Pool;
  readonly codec: Pick<Codec, 'encode'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  readonly maxAgeMs: number;
  readonly outgoingPartitions: number;
  readonly onReply: (reply: OutboxReply) => void;
  readonly resolve?: Resolve;
}

/** How often the audit's findings are looked at, where a webhook is to be told of them. */
const FINDINGS_MS = 2_000;
/** A finding is worth telling however late. */
const NEVER_TOO_OLD = Number.POSITIVE_INFINITY;
/** Effects are kept for longer than this, so nothing is told again that was given up. */
const PATIENCE: Patience = { lowestMs: 60_000, highestMs: 3_600_000, wholeMs: 86_400_000 };
const GONE = { method: 'POST', retries: 0, timeoutMs: 0, concurrency: 10, isIdempotent: false } as const;

export class CallLanes {
  readonly #options: CallLanesOptions;
  /** One for all endpoints: they share what threads there are. */
  readonly #resolve: Resolve;
  readonly #lanes = new Map<string, CallLane>();
  readonly #stopping = new AbortController();
  #watch: NodeJS.Timeout | undefined;
  #findingGone: Promise<void> | undefined;
  /** The look that is under way: a database that does not answer is asked by one at a time. */
  #looking: Promise<void> | undefined;

  constructor(options: CallLanesOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? new NameLookups(lookUp).resolve;
  }

  start(): void {
    const { apis, webhooks } = this.#options.declarations;
    for (const api of apis) this.#open(api, this.#caller(api), (call, outcome) => this.#replyOf(api, call, outcome));
    for (const webhook of webhooks) {
      const patient = { maxAgeMs: NEVER_TOO_OLD, patience: PATIENCE };
      this.#open(webhook, this.#caller(webhook), () => undefined, patient);
    }
    const declared = [...apis, ...webhooks].map(({ target }) => target);
    this.#findingGone = this.#findGone(declared);
    const told = webhooks.map(({ target }) => ({ target, webhook: new FindingWebhook(this.#options.pool, target) }));
    if (told.length === 0) return;
    this.#watch = setInterval(() => {
      this.#looking ??= this.#look(told).finally(() => {
        this.#looking = undefined;
      });
    }, FINDINGS_MS);
  }

  /** A call waits for that endpoint. */
  announce(target: string): void {
    this.#lanes.get(target)?.announce();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#watch);
    const lanes = [...this.#lanes.values()].map((lane) => lane.stop());
    await Promise.all([...lanes, this.#findingGone, this.#looking]);
  }

  #open(
    endpoint: CallLaneOptions['endpoint'],
    call: CallLaneOptions['call'],
    replyOf: CallLaneOptions['replyOf'],
    own: Pick<CallLaneOptions, 'maxAgeMs' | 'patience'> = this.#options,
  ): void {
    const { pool, clock, logger, metrics, onReply } = this.#options;
    const { maxAgeMs, patience } = own;
    const settings = { maxAgeMs, ...(patience !== undefined && { patience }) };
    const lane = new CallLane({ endpoint, call, pool, clock, logger, metrics, replyOf, onReply, ...settings });
    this.#lanes.set(endpoint.target, lane);
    lane.start();
  }

  async #findGone(declared: readonly string[]): Promise<void> {
    const { pool, logger, metrics } = this.#options;
    try {
      const gone = await persevere(() => undeclaredTargets(pool, declared), {
        step: 'find-calls',
        signal: this.#stopping.signal,
        logger,
        isPassing: () => true,
        onRetry: () => metrics.retried(),
      });
      if (this.#stopping.signal.aborted) return;
      for (const target of gone) this.#openGone(target);
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'commands.calls.unread');
    }
  }

  /** What was promised before the file was changed is told as not done. */
  #openGone(target: string): void {
    const outcome = { status: 'failed', reason: 'it is not set up any more', answer: undefined } as const;
    const call = () => Promise.resolve({ ...outcome, isRepeatable: false, isEndpointIll: false });
    const name = target.replace(/^\w+:/, '');
    this.#open({ ...GONE, target }, call, (taken, ended) =>
      this.#replyOf({ name, reply: { parts: [] } }, taken, ended),
    );
  }

  #caller(endpoint: Endpoint): CallLaneOptions['call'] {
    const { clock, metrics } = this.#options;
    const onAttempt = ({ status }: CallOutcome): void => metrics.attempted(endpoint.target, status);
    return endpointCaller(endpoint, { clock, onAttempt, resolve: this.#resolve });
  }

  #replyOf(
    api: Pick<Api, 'name' | 'reply'>,
    { asked, given }: TakenCall,
    outcome: CallOutcome,
  ): { source: string; reply: OutboxReply } | undefined {
    if (asked === null || asked === undefined) return undefined;
    const { clock, codec, outgoingPartitions } = this.#options;
    const content = replyTo(api, outcome, (name) => given[name]);
    const whom = asked as Omit<Dispatch, 'content' | 'createdAt'>;
    const dispatch: Dispatch = { ...whom, content, createdAt: clock.nowMs() };
    const value = codec.encode(TOPIC.outgoing, dispatch);
    return { source: dispatch.source, reply: toOutboxReply(dispatch, TOPIC.outgoing, outgoingPartitions, value) };
  }

  async #look(told: readonly { readonly target: string; readonly webhook: FindingWebhook }[]): Promise<void> {
    for (const { target, webhook } of told) {
      if (this.#stopping.signal.aborted) return;
      try {
        if ((await webhook.look()) > 0) this.announce(target);
      } catch (error) {
        this.#options.logger.warn({ target, error: describeError(error) }, 'commands.findings.unread');
      }
    }
  }
}
