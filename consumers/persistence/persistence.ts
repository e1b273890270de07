// The persistence service: reads pmc.messages.incoming in its group and stores every record in PostgreSQL. It owns the pool,
// the reader and their end; handle-batch.ts owns what becomes of a batch. It starts without its servers and waits for them,
// loudly; it stops by abandoning the batch in hand, which rolls back and comes again.
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openReader } from '../../kafka/connect.ts';
import type { LogAdmin, Reader } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { checkDatabase, createPool, type Pool } from '../../service/database.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import type { PersistenceConfig } from './config.ts';
import { type HandleBatchDeps, handleBatch } from './handle-batch.ts';
import { persistenceMetrics, poolMetrics } from './metrics.ts';
import { outlast } from './outlast.ts';
import { ReaderHealth } from './reader-health.ts';
import { Store } from './store.ts';

const CLIENT_ID = 'pmc-persistence';
const BATCH_BYTES_MAX = 4 * 1_048_576;
const BACKOFF = { initialMs: 200, maxMs: 5_000 };
const CONNECTIONS_MAX = 3;
const PROGRESS_CHECK_MS = 1_000;
const STOP_CONNECTING_MS = 500;

class Persistence implements Service {
  readonly #config: PersistenceConfig;
  readonly #context: ServiceContext;
  readonly #pool: Pool;
  readonly #admin: LogAdmin;
  readonly #deps: HandleBatchDeps;
  readonly #readerHealth: ReaderHealth;
  readonly #stopping = new AbortController();
  #reader: Reader | undefined;
  #opening: Promise<void> | undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: PersistenceConfig, context: ServiceContext, groupId: string) {
    const { logger, health, clock } = context;
    const metrics = persistenceMetrics(context.metrics);
    this.#config = config;
    this.#context = context;
    this.#pool = createPool(config.databaseUrl, logger, CONNECTIONS_MAX);
    this.#admin = openAdmin({ config, clientId: CLIENT_ID });
    this.#readerHealth = new ReaderHealth(health, metrics, config.brokers);
    this.#deps = {
      codec: new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger }),
      store: new Store({ pool: this.#pool, breakerPercent: config.breakerPercent }),
      limits: { rowsMax: config.batchRowsMax, bytesMax: BATCH_BYTES_MAX },
      backoff: BACKOFF,
      report: (check, ready, detail) => health.set(check, ready, detail),
      metrics,
      logger,
      clock,
      groupId,
    };
    poolMetrics(context.metrics, this.#pool);
    health.set('database', false, 'not reached yet');
    health.fact('counters', () => metrics.totals);
    health.fact('assigned', () => this.#reader?.assigned.length ?? 0);
  }

  start(): void {
    this.#opening = this.#open().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#context.fail(error);
    });
    this.#progressTimer = setInterval(() => {
      if (this.#reader !== undefined) this.#readerHealth.checkProgress(this.#reader, this.#context.clock);
    }, PROGRESS_CHECK_MS);
  }

  async #open(): Promise<void> {
    const { metrics, logger, report, groupId } = this.#deps;
    await outlast(() => checkDatabase(this.#pool, this.#config.databaseUrl), {
      server: 'database',
      signal: this.#stopping.signal,
      backoff: BACKOFF,
      fields: {},
      onRetry: (sqlStateClass) => metrics.retries.inc({ sqlstate_class: sqlStateClass }),
      logger,
      report,
    });
    const reader = await openReader(
      { config: this.#config, clientId: CLIENT_ID, logger },
      {
        groupId,
        topics: [TOPIC.incoming],
        batchRecordsMax: this.#config.batchRowsMax,
        admin: this.#admin,
        handleBatch: (batch) => this.#readerHealth.watch(batch, handleBatch(batch, this.#deps)),
        onConnection: (problem) => this.#readerHealth.waiting(problem),
        onAssigned: (partitions) => this.#readerHealth.assigned(partitions),
        onGap: (gap) => this.#readerHealth.gap(gap),
        onFatal: (error) => this.#context.fail(error),
      },
    );
    this.#reader = reader;
    if (this.#stopping.signal.aborted) await reader.stop();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#progressTimer);
    this.#stopping.abort();
    // With Kafka away the reader is still connecting: it has handled nothing and ends with the process.
    const tired = new Promise<void>((resolve) => setTimeout(resolve, STOP_CONNECTING_MS));
    if (this.#reader === undefined) await Promise.race([this.#opening, tired]);
    await this.#reader?.stop();
    await this.#admin.stop();
    await this.#pool.end();
  }
}

/** Starts in the background: health tells when the database is reached and the group is joined. */
export function startPersistence(
  config: PersistenceConfig,
  context: ServiceContext,
  groupId: string = GROUP.persistence,
): Promise<Service> {
  const persistence = new Persistence(config, context, groupId);
  persistence.start();
  return Promise.resolve(persistence);
}
