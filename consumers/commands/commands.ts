// The commands service: reads incoming events, answers commands, relays the replies to the log. It owns the bring-up (which
// waits for the cluster, the registry and the database, however long they take), the health checks and the order of
// stopping: first no new batches, then the outbox once more, then the connections. Decisions are in decide.ts.

import { Codec } from '../../kafka/codec.ts';
import { checkCluster, openAdmin, openAppender, openReader } from '../../kafka/connect.ts';
import type { Reader } from '../../kafka/log.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import type { ConfigOf } from '../../service/config.ts';
import { checkDatabase, createPool } from '../../service/database.ts';
import { describeError, isRetriable, type PmcError } from '../../service/errors.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import type { commandsSettings } from './config.ts';
import { FactBoard } from './fact-board.ts';
import { factSources } from './fact-sources.ts';
import { handleBatch } from './handle-batch.ts';
import { commandsMetrics } from './metrics.ts';
import { countUnsent } from './outbox.ts';
import { persevere } from './persevere.ts';
import { Relay } from './relay.ts';

const BATCH_RECORDS_MAX = 500;
const FACT_MAX_AGE_MS = 2_000;
const FACT_TIMEOUT_MS = 1_000;
const WATCH_MS = 2_000;
/** A reader that had no answer from a broker for this long is not ready. */
const SILENCE_MS_MAX = 15_000;

export type CommandsConfig = ConfigOf<typeof commandsSettings>;

/** Returns at once; `ready` in the health report tells when it serves. */
export function startCommands(config: CommandsConfig, context: ServiceContext): Promise<Service> {
  const service = new CommandsService(config, context);
  return Promise.resolve(service);
}

class CommandsService implements Service {
  readonly #config: CommandsConfig;
  readonly #context: ServiceContext;
  readonly #clients;
  readonly #stopping = new AbortController();
  readonly #brought: Promise<void>;
  #reader: Reader | undefined;
  #assignedPartitions: number | undefined;
  #watch: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: CommandsConfig, context: ServiceContext) {
    this.#config = config;
    this.#context = context;
    const { logger, health } = context;
    const options = { config, clientId: 'pmc-commands', logger };
    const metrics = commandsMetrics(context.metrics);
    const pool = createPool(config.databaseUrl, logger);
    const onConnection = (problem: PmcError | undefined): void =>
      health.set('log', problem === undefined, problem ? describeError(problem) : 'connected');
    const appender = openAppender(options, { onConnection });
    const relay = new Relay({
      pool,
      appender,
      logger,
      metrics,
      onRound: (problem) => health.set('relay', problem === undefined, problem ?? 'replies are relayed as they come'),
    });
    const codec = new Codec(config.registryUrl, {
      cacheFolder: config.schemaCache,
      logger,
      onWriterLost: context.fail,
    });
    this.#clients = { admin: openAdmin(options), codec, pool, appender, relay, metrics };
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
    const { admin, codec, pool, relay, metrics } = this.#clients;
    const { logger, health, clock } = this.#context;
    await this.#wait('database', () => checkDatabase(pool, this.#config.databaseUrl));
    await this.#wait('registry', () => codec.prepare([TOPIC.outgoing]));
    await this.#wait('kafka', () => checkCluster({ config: this.#config, clientId: 'pmc-commands' }));
    const [, outgoing] = await this.#wait('kafka', () => admin.topics([TOPIC.incoming, TOPIC.outgoing]));
    const outgoingPartitions = outgoing?.partitions.length ?? 1;
    const control = { url: this.#config.controlUrl, token: this.#config.controlToken };
    const sources = factSources({ admin, pool, control, timeoutMs: FACT_TIMEOUT_MS });
    const board = new FactBoard({ sources, clock, logger, maxAgeMs: FACT_MAX_AGE_MS, timeoutMs: FACT_TIMEOUT_MS });
    const deps = {
      codec,
      pool,
      board,
      about: { version: packageJson.version, startedAtMs: clock.nowMs() },
      clock,
      logger,
      metrics,
      maxAgeMs: this.#config.maxAgeSeconds * 1_000,
      outgoingPartitions,
      onPosted: () => relay.announce(),
      onDependency: (name: 'database' | 'registry', problem: string | undefined) =>
        health.set(name, problem === undefined, problem ?? 'answers'),
    };
    health.set('kafka', false, 'joining the group');
    relay.start();
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
      },
    );
    this.#watch = setInterval(() => void this.#look(), WATCH_MS);
    await this.#look();
  }

  /** Waits for something this service cannot do without, and says so meanwhile. */
  async #wait<T>(name: 'database' | 'registry' | 'kafka', work: () => Promise<T>): Promise<T> {
    const { health, logger } = this.#context;
    const { signal } = this.#stopping;
    const onRetry = (error: unknown): void => health.set(name, false, describeError(error));
    const result = await persevere(work, { step: name, signal, logger, isPassing: isRetriable, onRetry });
    health.set(name, true, 'answers');
    return result;
  }

  async #look(): Promise<void> {
    this.#checkReader();
    const { pool, metrics } = this.#clients;
    try {
      metrics.unsent(await countUnsent(pool));
      this.#context.health.set('database', true, 'answers');
    } catch (error) {
      this.#context.health.set('database', false, describeError(error));
    }
  }

  #checkReader(): void {
    const { health, clock } = this.#context;
    if (this.#assignedPartitions === undefined) return health.set('kafka', false, 'waiting for an assignment');
    const silentMs = clock.nowMs() - (this.#reader?.lastProgressMs ?? clock.nowMs());
    if (silentMs > SILENCE_MS_MAX)
      return health.set('kafka', false, `no progress for ${Math.round(silentMs / 1_000)} s`);
    return health.set('kafka', true, `${this.#assignedPartitions} partitions assigned`);
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    const overdue = new AbortController();
    await Promise.race([this.#shutDown(), pause(deadlineMs, overdue.signal)]);
    overdue.abort();
  }

  async #shutDown(): Promise<void> {
    const { admin, appender, pool, relay } = this.#clients;
    await this.#brought;
    clearInterval(this.#watch);
    await this.#reader?.stop();
    await relay.stop();
    await appender.stop();
    await admin.stop();
    await pool.end();
  }
}
