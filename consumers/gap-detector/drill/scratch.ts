// The scratch topics, group and tables of one drill on the real servers: made, filled as a plan says, and removed again. Tables of the
// same shape lie in a schema of their own, which connections of the drill's pool look into first, so the audit's own SQL runs
// on them unchanged; what the system has is never touched.
import { decodeTime, ulid } from 'ulid';
import type { Codec } from '../../../kafka/codec.ts';
import type { Appender, LogAdmin } from '../../../kafka/log.ts';
import type { ScratchTopics } from '../../../kafka/scratch-topics.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { createPool, type Pool, type PoolClient } from '../../../service/database.ts';
import { PmcError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import type { AuditedTopics } from '../audited-log.ts';
import { type DrillPlan, PARTITIONS } from './plan.ts';
import { OUTGOING_PARTITIONS } from './reply-plan.ts';
import { appendAll, appendBatch, recordOf } from './scratch-log.ts';
import { deleteUnsent, insertPlan, insertRows, insertUnsent, type RowsTools, TABLES } from './scratch-rows.ts';

export interface ScratchServers {
  readonly admin: LogAdmin;
  /** One for each drill: a producer that has written to a topic keeps asking for it after it is deleted. */
  readonly openAppender: () => Appender;
  readonly topics: ScratchTopics;
  readonly codec: Codec;
  readonly databaseUrl: string;
  readonly logger: Logger;
}

/** Of topics and of groups. */
const PREFIX = 'pmc.drill.';
const SCHEMA_PREFIX = 'pmc_drill_';
/** A drill that was killed left these behind. */
const STALE_AFTER_MS = 3_600_000;

export class Scratch implements AsyncDisposable {
  readonly names: AuditedTopics;
  readonly outgoing: string;
  readonly commandsGroup: string;
  readonly pool: Pool;
  readonly #servers: ScratchServers;
  readonly #prefix: string;
  readonly #schema: string;
  readonly #appender: Appender;
  #incarnation = '';
  #writing: PoolClient | undefined;

  static async create(servers: ScratchServers): Promise<Scratch> {
    const name = ulid().toLowerCase();
    const scratch = new Scratch(servers, name);
    try {
      await removeStale(servers);
      await scratch.#make();
    } catch (error) {
      await scratch[Symbol.asyncDispose]().catch(() => undefined);
      throw error;
    }
    return scratch;
  }

  private constructor(servers: ScratchServers, name: string) {
    this.#servers = servers;
    this.#appender = servers.openAppender();
    this.#schema = `${SCHEMA_PREFIX}${name}`;
    this.#prefix = `${PREFIX}${name}.`;
    const named = (role: string): string => `${this.#prefix}${role}`;
    this.names = { incoming: named('incoming'), rejected: named('rejected'), sources: named('sources') };
    this.outgoing = named('outgoing');
    this.commandsGroup = named('commands');
    const url = new URL(servers.databaseUrl);
    url.searchParams.set('options', `-c search_path=${this.#schema}`);
    this.pool = createPool(url.href, servers.logger);
  }

  async #make(): Promise<void> {
    const { databaseUrl, logger, topics, admin } = this.#servers;
    const owner = createPool(databaseUrl, logger, 1);
    try {
      await owner.query(`create schema ${this.#schema}`);
      for (const table of TABLES)
        await owner.query(`create table ${this.#schema}.${table} (like ${table} including all)`);
    } finally {
      await owner.end();
    }
    await this.#checkSchema();
    await topics.create(this.names.incoming, PARTITIONS);
    await topics.create(this.names.rejected, 1);
    await topics.create(this.names.sources, 1);
    await topics.create(this.outgoing, OUTGOING_PARTITIONS);
    const [incoming] = await admin.topics([this.names.incoming]);
    this.#incarnation = incoming?.incarnation ?? '';
  }

  /** A pooler between may drop what a connection is to begin with: the drill would then write into the system's own tables. */
  async #checkSchema(): Promise<void> {
    const { rows } = await this.pool.query<{ name: string | null }>('select current_schema() as name');
    if (rows[0]?.name === this.#schema) return;
    const message =
      "the database does not keep to the drill's own schema; DATABASE_URL must name PostgreSQL itself, not a pooler";
    throw new PmcError('PMC_CONFIG_INVALID', message, { schema: this.#schema, got: rows[0]?.name });
  }

  /** Appends, inserts and commits all of a plan but what comes late. */
  async plant(plan: DrillPlan): Promise<void> {
    const { admin, codec, topics } = this.#servers;
    const tools = { admin, codec, topics, appender: this.#appender };
    await appendAll(tools, this.names.incoming, plan);
    await appendAll(tools, this.outgoing, plan.replies);
    const checkpoints = plan.checkpoints.map((one) => recordOf(codec.encode(TOPIC.sources, one)));
    await appendBatch(tools, { topic: this.names.sources, partition: 0 }, checkpoints);
    await insertPlan(this.#rowsTools(), plan);
    const committed = [...plan.replies.committed].map(([partition, offset]) => [partition, BigInt(offset)] as const);
    await admin.setCommitted(this.commandsGroup, this.names.incoming, new Map(committed));
  }

  /** Begins to write the rows that nobody else can see before `closeWriting`; until then the outbox is not emptied either. */
  async openWriting({ openRows, replies }: DrillPlan): Promise<void> {
    this.#writing = await this.pool.connect();
    await this.#writing.query('begin');
    await insertRows(this.#writing, this.#incarnation, openRows);
    await insertUnsent(this.#rowsTools(), replies);
  }

  async closeWriting(): Promise<void> {
    if (this.#writing === undefined) return;
    const writing = this.#writing;
    this.#writing = undefined;
    // Closed whatever becomes of this, or the pool would wait for it.
    await writing.query('rollback').finally(() => writing.release(true));
    await deleteUnsent(this.pool, this.#schema);
  }

  async insertLate({ lateRows }: DrillPlan): Promise<void> {
    await insertRows(this.pool, this.#incarnation, lateRows);
  }

  async deleteLate({ lateRows }: DrillPlan): Promise<void> {
    for (const { partition, offset } of lateRows)
      await this.pool.query('delete from message_metadata where partition = $1 and record_offset = $2', [
        partition,
        offset,
      ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeWriting().catch(() => undefined);
    await Promise.all([this.pool.end(), this.#appender.stop()]);
    const owner = createPool(this.#servers.databaseUrl, this.#servers.logger, 1);
    try {
      await owner.query(`drop schema if exists ${this.#schema} cascade`);
    } finally {
      await owner.end();
      await removeNamed(this.#servers, (name) => name.startsWith(this.#prefix));
    }
  }

  #rowsTools(): RowsTools {
    const { pool, outgoing } = this;
    return { pool, outgoing, codec: this.#servers.codec, incarnation: this.#incarnation };
  }
}

/** Topics and groups of drills. */
async function removeNamed({ topics }: ScratchServers, isMeant: (name: string) => boolean): Promise<void> {
  try {
    await topics.deleteGroups((await topics.groupsNamed(PREFIX)).filter(isMeant));
  } finally {
    await topics.delete((await topics.named(PREFIX)).filter(isMeant));
  }
}

async function removeStale(servers: ScratchServers): Promise<void> {
  const isStale = (name: string): boolean => {
    try {
      return Date.now() - decodeTime(name.toUpperCase()) > STALE_AFTER_MS;
    } catch {
      return false;
    }
  };
  await removeNamed(servers, (name) => isStale(name.slice(PREFIX.length).split('.')[0] ?? ''));
  const owner = createPool(servers.databaseUrl, servers.logger, 1);
  try {
    const { rows } = await owner.query<{ name: string }>(
      `select nspname as name from pg_namespace where nspname like '${SCHEMA_PREFIX.replaceAll('_', String.raw`\_`)}%'`,
    );
    for (const { name } of rows)
      if (isStale(name.slice(SCHEMA_PREFIX.length))) await owner.query(`drop schema if exists ${name} cascade`);
  } finally {
    await owner.end();
  }
}
