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
import { Folding } from './folding.ts';
import { type HandleBatchDeps, handleBatch } from './handle-batch.ts';
import { persistenceMetrics, poolMetrics } from './metrics.ts';
import { outlast } from './outlast.ts';
import { ReaderHealth } from './reader-health.ts';
import { Store } from './store.ts';

const CLIENT_ID = 'pmc-persistence';
const BATCH_BYTES_MAX = 4 * 1_048_576;
/** An event is acknowledged when it is on the log, so nobody waits for its row. */
const GATHER_MS = 200;
const BACKOFF = { initialMs: 200, maxMs: 5_000 };
/** A reader has three partitions in hand at a time; the fold takes one. */
const CONNECTIONS_MAX = 4;
const PROGRESS_CHECK_MS = 1_000;
/** What another process stored (a redrive, a replay) is folded after this long, where nothing else comes. */
const FOLD_CHECK_MS = 5_000;
/** With so many records of a partition ahead of it, the store goes before the fold. */
const FAR_BEHIND = 10_000n;
/** As long as such batches come; not while the store waits for a server, or has caught up. */
const FAR_BEHIND_MS = 2_000;
const STOP_CONNECTING_MS = 500;

class Persistence implements Service {
  readonly #config: PersistenceConfig;
  readonly #context: ServiceContext;
  readonly #pool: Pool;
  readonly #admin: LogAdmin;
  readonly #deps: HandleBatchDeps;
  readonly #readerHealth: ReaderHealth;
  readonly #folding: Folding;
  readonly #stopping = new AbortController();
  /** When a batch last showed that. */
  #farBehindMs = Number.NEGATIVE_INFINITY;
  #reader: Reader | undefined;
  #opening: Promise<void> | undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #foldTimer: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: PersistenceConfig, context: ServiceContext, groupId: string) {
    const { logger, health, clock } = context;
    const metrics = persistenceMetrics(context.metrics);
    this.#config = config;
    this.#context = context;
    this.#pool = createPool(config.databaseUrl, logger, CONNECTIONS_MAX);
    this.#admin = openAdmin({ config, clientId: CLIENT_ID });
    this.#readerHealth = new ReaderHealth(health, metrics, config.brokers);
    const report: HandleBatchDeps['report'] = (check, ready, detail) => health.set(check, ready, detail);
    this.#folding = new Folding({
      ...{ pool: this.#pool, logger, backoff: BACKOFF, report },
      onFolded: (references) => metrics.folded.inc(references),
      isStoreBehind: () => performance.now() - this.#farBehindMs < FAR_BEHIND_MS,
    });
    this.#deps = {
      codec: new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger }),
      store: new Store({ pool: this.#pool, breakerPercent: config.breakerPercent }),
      limits: { rowsMax: config.batchRowsMax, bytesMax: BATCH_BYTES_MAX },
      backoff: BACKOFF,
      onStored: (at) => this.#folding.wake(at),
      report,
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
      if (this.#reader !== undefined) this.#readerHealth.checkProgress(this.#reader);
    }, PROGRESS_CHECK_MS);
    this.#foldTimer = setInterval(() => void this.#folding.wakeAll(), FOLD_CHECK_MS);
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
        gatherMs: GATHER_MS,
        admin: this.#admin,
        handleBatch: (batch) => {
          const left = batch.highWatermark - (batch.records.at(-1)?.offset ?? 0n);
          if (left > FAR_BEHIND) this.#farBehindMs = performance.now();
          return this.#readerHealth.watch(batch, handleBatch(batch, this.#deps));
        },
        onConnection: (problem) => this.#readerHealth.waiting(problem),
        onAssigned: (partitions) => {
          this.#readerHealth.assigned(partitions);
          void this.#folding.wakeAll();
        },
        onGap: (gap) => this.#readerHealth.gap(gap),
        onFatal: (error) => this.#context.fail(error),
        stopping: this.#stopping.signal,
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
    clearInterval(this.#foldTimer);
    this.#stopping.abort();
    // With Kafka away the reader is still connecting: it has handled nothing and ends with the process.
    const tired = new Promise<void>((resolve) => setTimeout(resolve, STOP_CONNECTING_MS));
    if (this.#reader === undefined) await Promise.race([this.#opening, tired]);
    await this.#reader?.stop();
    await this.#folding.stop();
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
