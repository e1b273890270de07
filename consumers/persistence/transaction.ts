// One transaction on one connection of the pool. It owns begin, commit, the lock of the partition and giving up: when the
// signal aborts or nothing is heard for too long, the connection is destroyed, which rolls back on the server. What a commit
// without an answer did is unknown; the caller repeats the batch and the unique keys make the repeat invisible.
import { type Pool, type PoolClient, sqlStateOf } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { endAbandonedCopy } from './abandoned-copy.ts';
import { queryWithCopy, type StatementResult } from './copy-in.ts';

const DEADLINE_MS = 60_000;
/**
 * The server ends what a frozen process leaves open, so that the partition's next owner does not wait for it for ever; but for a COPY, which
 * that owner ends (abandoned-copy.ts). Of a machine that is gone it learns within half a minute; by itself it would ask after two hours.
 */
const SERVER_LIMITS = `set local lock_timeout = '10s'; set local statement_timeout = '45s';
  set local idle_in_transaction_session_timeout = '30s'; set local tcp_user_timeout = '30s';
  set local tcp_keepalives_idle = 10; set local tcp_keepalives_interval = 5; set local tcp_keepalives_count = 3`;
/** The SQLSTATE of a lock that was waited for too long. */
const LOCK_NOT_AVAILABLE = '55P03';

export interface TransactionOptions {
  /** Transactions under the same text exclude each other, across processes. */
  readonly lock: string;
  readonly signal: AbortSignal;
}

/** Runs `work` and commits, or throws and has rolled back. Throws PMC_DATABASE_UNREACHABLE past the deadline. */
export async function inTransaction<T>(
  pool: Pool,
  options: TransactionOptions,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return await onConnection(pool, options, async (client) => {
    await client.query(begin(client, options));
    const result = await work(client);
    const { command } = await client.query('commit');
    assertCommitted(command);
    return result;
  });
}

export interface CopyScript {
  readonly copy: string;
  readonly bytes: Buffer;
  /** Statements that follow the COPY; values are written out by `client.escapeLiteral`. */
  readonly after: (client: PoolClient) => readonly string[];
}

/**
 * The same for a COPY and what follows it, in a single message: begin, lock, COPY, the statements, commit. Returns the rows of
 * each statement.
 */
export async function copyInTransaction(
  pool: Pool,
  options: TransactionOptions,
  { copy, bytes, after }: CopyScript,
): Promise<readonly (readonly object[])[]> {
  return await onConnection(pool, options, async (client) => {
    const statements = after(client);
    const text = [begin(client, options), copy, ...statements, 'commit'].join(';\n');
    const results = await queryWithCopy(client, text, bytes);
    assertCommitted(results.at(-1)?.command);
    return results.slice(-1 - statements.length, -1).map(({ rows }: StatementResult) => rows);
  });
}

function begin(client: PoolClient, { lock }: TransactionOptions): string {
  const key = client.escapeLiteral(lock);
  return `begin isolation level read committed; ${SERVER_LIMITS}; select pg_advisory_xact_lock(hashtextextended(${key}, 0))`;
}

/** The server answers a commit of a failed transaction with ROLLBACK and no error. */
function assertCommitted(command: string | undefined): void {
  if (command !== 'COMMIT') throw new Error(`the server answered a commit with ${command}`);
}

async function onConnection<T>(
  pool: Pool,
  { lock, signal }: TransactionOptions,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = await pool.connect();
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  let isReleased = false;
  const release = (destroy: boolean): void => {
    if (isReleased) return;
    isReleased = true;
    client.release(destroy);
  };
  const destroy = (): void => release(true);
  // Without a listener, an error on a connection in use would end the process; the query itself rejects as well.
  client.on('error', ignore);
  giveUp.addEventListener('abort', destroy, { once: true });
  try {
    giveUp.throwIfAborted();
    const result = await work(client);
    release(false);
    return result;
  } catch (error) {
    const waitedFor = sqlStateOf(error) === LOCK_NOT_AVAILABLE ? lock : undefined;
    await afterFailure(client, isReleased, waitedFor).then(release, destroy);
    if (!giveUp.aborted || signal.aborted) throw error;
    const message = `PostgreSQL did not finish a transaction within ${DEADLINE_MS} ms; DATABASE_URL names it`;
    throw new PmcError('PMC_DATABASE_UNREACHABLE', message, { lock }, { cause: error });
  } finally {
    giveUp.removeEventListener('abort', destroy);
    client.off('error', ignore);
  }
}

/** Resolves to whether the connection must be destroyed. */
async function afterFailure(client: PoolClient, isReleased: boolean, waitedFor: string | undefined): Promise<boolean> {
  if (isReleased) return true;
  await client.query('rollback');
  if (waitedFor !== undefined) await endAbandonedCopy(client, waitedFor, DEADLINE_MS);
  return false;
}

function ignore(): void {}
