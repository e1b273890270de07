// The PostgreSQL pool, the one connection of a command, and what the SQLSTATE classes mean for whoever writes: a data error is about one record, an
// infrastructure error about the server, and only the second may be retried as it is.
import pg from 'pg';
import { setting } from './config.ts';
import { PmcError } from './errors.ts';
import type { Logger } from './logger.ts';
import { SilentServer } from './silent-server.ts';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;
export type { QueryConfig, QueryResultRow } from 'pg';

export const databaseSettings = {
  databaseUrl: setting.url({
    variable: 'DATABASE_URL',
    description: 'PostgreSQL to use instead of the embedded one, as a libpq URL with write rights.',
    protocols: ['postgres://', 'postgresql://'],
    secret: true,
  }),
} as const;

/**
 * Hangs up where it could not connect. The driver itself does not when it finds that it has no password: the server would wait for one
 * for a minute, and a process that is to end with it.
 */
class Client extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null | undefined) => void): void;
  override connect(callback?: (error: Error | null | undefined) => void): Promise<pg.Client> | undefined {
    if (callback === undefined) return super.connect();
    super.connect((error: Error | null | undefined) => {
      if (error) void this.end().catch(() => undefined);
      callback(error);
    });
    return undefined;
  }
}

/** Then the kernel asks whether the other end is still there, and gives it ten seconds; by itself it would ask after two hours. */
const SILENT_MAX_MS = 10_000;

const CONNECT_MAX_MS = 5_000;
/** Two questions, each due after this silence and seen to be due within 2 s, and the time of the last answer: less than half a minute. */
const SILENCE = { silentMs: 8_000, answerMs: CONNECT_MAX_MS };

/**
 * How every connection is made. A server that vanishes without a word, e.g. with its machine, or hangs, fails what waits for it within
 * half a minute; one that only takes long does not.
 */
const CONNECTION = {
  connectionTimeoutMillis: CONNECT_MAX_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: SILENT_MAX_MS,
  application_name: 'pmc',
} as const;

/**
 * A pool that survives a lost server: idle errors are logged, the next query reconnects. With a time-out the server itself ends a
 * statement that takes longer.
 */
export function createPool(databaseUrl: string, logger: Logger, connectionsMax = 5, statementTimeoutMs?: number): Pool {
  const pool = new pg.Pool({
    ...CONNECTION,
    Client,
    connectionString: databaseUrl,
    max: connectionsMax,
    idleTimeoutMillis: 30_000,
    ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
  });
  pool.on('error', (error) => logger.warn({ error: error.message }, 'database.connection.lost'));
  const silence = new SilentServer(SILENCE);
  pool.on('acquire', (client) => silence.begin(client));
  pool.on('release', (_error, client) => silence.end(client));
  // A client that is checked out has no listener of the pool's: lost between two queries of a transaction, its error event
  // would end the process. The next query on it fails, and that is where it is handled.
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.debug({ error: error.message }, 'database.client.lost'));
  });
  return pool;
}

/** One connection for a command, ended with it. Throws what `connectionError` says where the server does not answer or let us in. */
export async function withConnection<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...CONNECTION, connectionString: databaseUrl });
  const silence = new SilentServer(SILENCE);
  // Lost, its error event would end the process. The query that waits fails, or the next one: that is where it is told.
  client.on('error', () => undefined);
  try {
    await client.connect().catch((error: unknown) => {
      throw connectionError(databaseUrl, error);
    });
    silence.begin(client);
    return await work(client);
  } finally {
    // To say goodbye is to wait as well.
    await client.end().finally(() => silence.end(client));
  }
}

export type DatabaseFailure = 'data' | 'infrastructure';

/** The SQLSTATE of a database error (five characters), or undefined where the server never answered. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/**
 * Data errors (classes 22, 23, 54) belong to one record and are isolated; everything else, also any class not listed,
 * is the server's trouble: wait and try again.
 */
export function failureOf(error: unknown): DatabaseFailure {
  const state = sqlStateOf(error);
  return state !== undefined && ['22', '23', '54'].includes(state.slice(0, 2)) ? 'data' : 'infrastructure';
}

export type DatabaseRefusal = 'PMC_DATABASE_AUTHENTICATION' | 'PMC_DATABASE_MISSING';

/** Whether the server has answered that it does not let us in, which waiting does not cure, and why. */
export function refusalOf(error: unknown): DatabaseRefusal | undefined {
  const state = sqlStateOf(error);
  if (state?.startsWith('28')) return 'PMC_DATABASE_AUTHENTICATION';
  if (state === '3D000') return 'PMC_DATABASE_MISSING';
  // A password that is wanted and not there is an error of the client's own, which has no code.
  return error instanceof Error && /^SASL: .*client password must be/.test(error.message)
    ? 'PMC_DATABASE_AUTHENTICATION'
    : undefined;
}

/** Why there is no connection, naming host, port and the variable: nobody answers, or who answers does not let us in. */
export function connectionError(databaseUrl: string, cause: unknown): PmcError {
  const { host } = new URL(databaseUrl);
  const refusal = refusalOf(cause);
  const what = {
    PMC_DATABASE_AUTHENTICATION: 'refuses the login; DATABASE_URL has user and password',
    PMC_DATABASE_MISSING: 'has no such database; DATABASE_URL names it',
    PMC_DATABASE_UNREACHABLE:
      sqlStateOf(cause) === undefined
        ? 'does not answer; DATABASE_URL names it'
        : 'takes no connection; DATABASE_URL names it',
  };
  const code = refusal ?? 'PMC_DATABASE_UNREACHABLE';
  return new PmcError(code, `PostgreSQL at ${host} ${what[code]}`, { host }, { cause });
}

/** One round trip, or what `connectionError` says. */
export async function checkDatabase(pool: Pool, databaseUrl: string): Promise<void> {
  try {
    await pool.query('select 1');
  } catch (error) {
    throw connectionError(databaseUrl, error);
  }
}
