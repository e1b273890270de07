// Servers that somebody else runs, named by a variable: checked once before anything is started, never started or stopped.
import { type ClusterClients, checkCluster } from '../../kafka/connect.ts';
import { fetchFromRegistry, registryAccess } from '../../kafka/registry-access.ts';
import { checkDatabase, createPool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import type { StackConfig } from './config.ts';

const ANSWER_MS = 5_000;

type ExternalConfig = StackConfig & Pick<ClusterClients['config'], 'appenderClient' | 'readerClient'>;

/** Throws one line naming address and variable for the first that does not answer, or does not let us in. */
export async function checkExternalServers(config: ExternalConfig): Promise<void> {
  const { brokers, registryUrl, databaseUrl } = config;
  await Promise.all([
    brokers === undefined ? undefined : checkCluster({ config: { ...config, brokers }, clientId: 'pmc-up' }),
    registryUrl === undefined ? undefined : checkRegistry(registryUrl),
    databaseUrl === undefined ? undefined : checkOnce(databaseUrl),
  ]);
}

async function checkRegistry(given: string): Promise<void> {
  const access = registryAccess(given);
  const registryUrl = access.url;
  const fail = (cause: unknown): PmcError => {
    const message = `the schema registry at ${registryUrl} does not answer; PMC_REGISTRY_URL names it`;
    return new PmcError('PMC_REGISTRY_UNREACHABLE', message, { registryUrl }, { cause });
  };
  const response = await fetchFromRegistry(access, '/subjects', ANSWER_MS).catch((error: unknown) => {
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
