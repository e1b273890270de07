// The PostgreSQL pool, and what the SQLSTATE classes mean for whoever writes: a data error is about one record, an
// infrastructure error about the server, and only the second may be retried as it is.
import pg from 'pg';
import { setting } from './config.ts';
import { PmcError } from './errors.ts';
import type { Logger } from './logger.ts';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export const databaseSettings = {
  databaseUrl: setting.url({
    variable: 'DATABASE_URL',
    description: 'PostgreSQL to use instead of the embedded one, as a libpq URL with write rights.',
    protocols: ['postgres://', 'postgresql://'],
    secret: true,
  }),
} as const;

/** A pool that survives a lost server: idle errors are logged, the next query reconnects. */
export function createPool(databaseUrl: string, logger: Logger, connectionsMax = 5): Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connectionsMax,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'pmc',
  });
  pool.on('error', (error) => logger.warn({ error: error.message }, 'database.connection.lost'));
  // A client that is checked out has no listener of the pool's: lost between two queries of a transaction, its error event
  // would end the process. The next query on it fails, and that is where it is handled.
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.debug({ error: error.message }, 'database.client.lost'));
  });
  return pool;
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

/** One round trip, or PMC_DATABASE_UNREACHABLE naming host, port and the variable. */
export async function checkDatabase(pool: Pool, databaseUrl: string): Promise<void> {
  try {
    await pool.query('select 1');
  } catch (error) {
    const { host } = new URL(databaseUrl);
    const message = `PostgreSQL at ${host} does not answer; DATABASE_URL names it`;
    throw new PmcError('PMC_DATABASE_UNREACHABLE', message, { host }, { cause: error });
  }
}
