// The commands service: reads incoming events, answers commands, relays the replies to the log. It owns the bring-up (which
// waits for the cluster, the registry and the database, however long they take), the health checks and the order of
// stopping: first no new batches, then what was posted goes out, then the connections. Decisions are in decide.ts.
import { Codec } from '../../kafka/codec.ts';
import { checkCluster, openAdmin, openAppender, openReader } from '../../kafka/connect.ts';
import type { Reader } from '../../kafka/log.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { pause, unlessAborted } from '../../service/backoff.ts';
import type { ConfigOf, Environment } from '../../service/config.ts';
import { checkDatabase, createPool } from '../../service/database.ts';
import { describeError, isRetriable, PmcError } from '../../service/errors.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { searchInTime } from './chat-search.ts';
import type { commandsSettings } from './config.ts';
import { DatabaseCheck } from './database-check.ts';
import { declarationsOf } from './declared.ts';
import type { Declarations } from './external/declaration.ts';
import { FactBoard } from './fact-board.ts';
import { factSources } from './fact-sources.ts';
import { type HandlerDeps, handleBatch } from './handle-batch.ts';
import { InHand } from './in-hand.ts';
import { commandsMetrics } from './metrics.ts';
import { countUnsent } from './outbox.ts';
import { persevere } from './persevere.ts';
import { Replying } from './replying.ts';

const BATCH_RECORDS_MAX = 500;
const FACT_MAX_AGE_MS = 2_000;
/** For each question that a reply needs an answer to. */
const ANSWER_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 900;
const QUESTION_CONNECTIONS_MAX = 3;
const WATCH_MS = 2_000;
/** A reader that had no answer from a broker for this long is not ready. */
const SILENCE_MS_MAX = 15_000;

export type CommandsConfig = ConfigOf<typeof commandsSettings>;

/** Returns at once; `ready` in the health report tells when it serves. Throws PMC_COMMANDS_FILE_INVALID. */
export async function startCommands(
  config: CommandsConfig,
  context: ServiceContext,
  environment: Environment,
): Promise<Service> {
  return new CommandsService(config, context, declarationsOf(config.commandsFile, environment));
}

class CommandsService implements Service {
  readonly #config: CommandsConfig;
  readonly #context: ServiceContext;
  readonly #declarations: Declarations;
  readonly #clients;
  readonly #databaseCheck: DatabaseCheck;
  readonly #stopping = new AbortController();
  readonly #brought: Promise<void>;
  #reader: Reader | undefined;
  #replying: Replying | undefined;
  #assignedPartitions: number | undefined;
  #watch: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: CommandsConfig, context: ServiceContext, declarations: Declarations) {
    this.#config = config;
    this.#context = context;
    this.#declarations = declarations;
    const { logger, health } = context;
    const options = { config, clientId: 'pmc-commands', logger };
    const metrics = commandsMetrics(context.metrics);
    this.#databaseCheck = new DatabaseCheck((isReady, detail) => health.set('database', isReady, detail));
    const onConnection = (problem: PmcError | undefined): void =>
      health.set('log', problem === undefined, problem ? describeError(problem) : 'connected');
    const codec = new Codec(config.registryUrl, {
      cacheFolder: config.schemaCache,
      logger,
      onWriterLost: context.fail,
    });
    this.#clients = {
      admin: openAdmin(options),
      codec,
      pool: createPool(config.databaseUrl, logger),
      // Apart from the others, so that no question for a reply waits in front of an effect.
      questions: createPool(config.databaseUrl, logger, QUESTION_CONNECTIONS_MAX, STATEMENT_TIMEOUT_MS),
      appender: openAppender(options, { onConnection }),
      metrics,
    };
    health.fact('counters', () => metrics.totals);
    for (const check of ['kafka', 'registry', 'database', 'relay']) health.set(check, false, 'starting');
    this.#brought = this.#bringUp().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) context.fail(error);
    });
  }

  stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #bringUp(): Promise<void> {
    const { admin, codec, pool, metrics } = this.#clients;
    const { logger, health } = this.#context;
    await this.#wait('database', () => checkDatabase(pool, this.#config.databaseUrl));
    await this.#wait('registry', () => codec.prepare([TOPIC.outgoing]));
    await this.#wait('kafka', () => checkCluster({ config: this.#config, clientId: 'pmc-commands' }));
    const [, outgoing] = await this.#wait('kafka', () => admin.topics([TOPIC.incoming, TOPIC.outgoing]));
    const deps = this.#startReplying(outgoing?.partitions.length ?? 1);
    health.set('kafka', false, 'joining the group');
    this.#reader = await openReader(
      { config: this.#config, clientId: 'pmc-commands', logger },
      {
        admin,
        groupId: GROUP.commands,
        topics: [TOPIC.incoming],
        batchRecordsMax: BATCH_RECORDS_MAX,
        handleBatch: (batch) => handleBatch(batch, deps),
        onAssigned: (assigned) => {
          this.#assignedPartitions = assigned.length;
          metrics.assigned(assigned.length);
          this.#checkReader();
        },
        onFatal: (error) => this.#context.fail(error),
        stopping: this.#stopping.signal,
      },
    );
    this.#watch = setInterval(() => void this.#look(), WATCH_MS);
    await this.#look();
  }

  #startReplying(outgoingPartitions: number): HandlerDeps {
    const { admin, appender, codec, pool, questions, metrics } = this.#clients;
    const { logger, health, clock } = this.#context;
    const { controlUrl, controlToken, language, maxAgeSeconds, retentionHours } = this.#config;
    const control = { url: controlUrl, token: controlToken };
    const sources = factSources({ admin, pool: questions, clock, control, timeoutMs: ANSWER_TIMEOUT_MS });
    const timing = { maxAgeMs: FACT_MAX_AGE_MS, timeoutMs: ANSWER_TIMEOUT_MS };
    const maxAgeMs = maxAgeSeconds * 1_000;
    const both = {
      codec,
      pool,
      clock,
      logger,
      metrics,
      maxAgeMs,
      outgoingPartitions,
      declarations: this.#declarations,
    };
    const onRound = (problem: string | undefined): void =>
      health.set('relay', problem === undefined, problem ?? 'replies are relayed as they come');
    const replying = new Replying({ ...both, appender, retentionMs: retentionHours * 3_600_000, onRound });
    this.#replying = replying;
    replying.start();
    return {
      ...both,
      language,
      databaseCheck: this.#databaseCheck,
      inHand: new InHand(),
      board: new FactBoard({ sources, logger, ...timing }),
      search: (what) => searchInTime(what, { pool: questions, logger, timeoutMs: ANSWER_TIMEOUT_MS }),
      about: { version: packageJson.version, startedAtMs: clock.nowMs() },
      takesReply: replying.takesReply,
      onReplies: replying.onReplies,
      onCall: replying.onCall,
      onDependency: (name, problem) => health.set(name, problem === undefined, problem ?? 'answers'),
    };
  }

  /** Waits for something this service cannot do without, and says so meanwhile. */
  async #wait<T>(name: 'database' | 'registry' | 'kafka', work: () => Promise<T>): Promise<T> {
    const { health, logger } = this.#context;
    const { signal } = this.#stopping;
    const onRetry = (error: unknown): void => health.set(name, false, describeError(error));
    const waiting = persevere(work, { step: name, signal, logger, isPassing: isRetriable, onRetry });
    const result = await unlessAborted(waiting, signal);
    health.set(name, true, 'answers');
    return result;
  }

  async #look(): Promise<void> {
    this.#checkReader();
    const { pool, metrics } = this.#clients;
    try {
      metrics.unsent(await countUnsent(pool));
      this.#databaseCheck.answered(undefined);
    } catch (error) {
      this.#databaseCheck.answered(describeError(error));
    }
  }

  #checkReader(): void {
    const { health } = this.#context;
    if (this.#assignedPartitions === undefined) return health.set('kafka', false, 'waiting for an assignment');
    const silentMs = this.#reader?.silentMs ?? 0;
    if (silentMs > SILENCE_MS_MAX)
      return health.set('kafka', false, `no progress for ${Math.round(silentMs / 1_000)} s`);
    return health.set('kafka', true, `${this.#assignedPartitions} partitions assigned`);
  }

  /** Throws PMC_STOP_OVERDUE: whoever waits is to know that it did not come to an end. */
  async #stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    const ended = new AbortController();
    const overdue = pause(deadlineMs, ended.signal).then(() => {
      if (ended.signal.aborted) return;
      const message = `commands did not stop within ${deadlineMs} ms; what it had in hand waits for the next start`;
      throw new PmcError('PMC_STOP_OVERDUE', message, { deadlineMs });
    });
    await Promise.race([this.#shutDown().finally(() => ended.abort()), overdue]);
  }

  async #shutDown(): Promise<void> {
    const { admin, appender, pool, questions } = this.#clients;
    await this.#brought;
    clearInterval(this.#watch);
    await this.#reader?.stop();
    await this.#replying?.stop();
    // Together: each waits for a server of its own that may not answer.
    await Promise.all([appender.stop(), admin.stop(), questions.end(), pool.end()]);
  }
}
