// Servers that somebody else runs, named by a variable: checked once before anything is started, never started or stopped.
import { connect } from 'node:net';
import { checkDatabase, createPool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import type { StackConfig } from './config.ts';

const ANSWER_MS = 5_000;

type External = Pick<StackConfig, 'brokers' | 'registryUrl' | 'databaseUrl'>;

/** Throws one line naming address and variable for the first that does not answer. */
export async function checkExternalServers({ brokers, registryUrl, databaseUrl }: External): Promise<void> {
  await Promise.all([
    brokers === undefined ? undefined : checkBrokers(brokers),
    registryUrl === undefined ? undefined : checkRegistry(registryUrl),
    databaseUrl === undefined ? undefined : checkOnce(databaseUrl),
  ]);
}

async function checkBrokers(brokers: readonly string[]): Promise<void> {
  try {
    await Promise.any(brokers.map(canConnect));
  } catch (error) {
    const where = brokers.join(', ');
    const cause = error instanceof AggregateError ? error.errors[0] : error;
    throw new PmcError(
      'PMC_KAFKA_UNREACHABLE',
      `no answer from Kafka at ${where}; PMC_KAFKA_BROKERS names it`,
      { brokers },
      { cause },
    );
  }
}

function canConnect(broker: string): Promise<void> {
  const [host = '', port] = broker.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: ANSWER_MS }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    socket.once('error', reject);
  });
}

async function checkRegistry(registryUrl: string): Promise<void> {
  const fail = (cause: unknown): PmcError => {
    const message = `the schema registry at ${registryUrl} does not answer; PMC_REGISTRY_URL names it`;
    return new PmcError('PMC_REGISTRY_UNREACHABLE', message, { registryUrl }, { cause });
  };
  const response = await fetch(`${registryUrl.replace(/\/$/, '')}/subjects`, {
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch((error: unknown) => {
    throw fail(error);
  });
  if (!response.ok) throw fail(new Error(`it answers /subjects with HTTP ${response.status}`));
}

async function checkOnce(databaseUrl: string): Promise<void> {
  const pool = createPool(databaseUrl, createLogger('preflight', 'silent'), 1);
  try {
    await checkDatabase(pool, databaseUrl);
  } finally {
    await pool.end();
  }
}
