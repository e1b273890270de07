// The servers that the audit's verbs look at: those of the running stack, or those that the environment names; opened, checked
// and closed again, and one line of progress on a terminal.
import { setFlagsFromString } from 'node:v8';
import { InvalidArgumentError } from 'commander';
import { auditSettings } from '../../consumers/gap-detector/config.ts';
import { ReadingThreads } from '../../consumers/gap-detector/reading-threads.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openConfirmedRangeReader } from '../../kafka/connect.ts';
import { systemClock } from '../../service/clock.ts';
import { readSettings } from '../../service/config.ts';
import { checkDatabase, createPool, databaseSettings, type Pool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { STREAMING_V8_FLAGS } from '../../service/v8-flags.ts';
import type { Cli } from './cli.ts';
import { type ServerVariable, serverEnvironment } from './server-environment.ts';

const SERVERS: readonly ServerVariable[] = ['PMC_KAFKA_BROKERS', 'PMC_REGISTRY_URL', 'DATABASE_URL'];

export type AuditServers = ReturnType<typeof openServers>;

/** Runs one thing on them; throws what opening them throws. */
export async function withAuditServers<T>(cli: Cli, work: (servers: AuditServers) => Promise<T>): Promise<T> {
  const servers = openServers(cli);
  const { admin, ranges, pool, threads, config } = servers;
  try {
    await checkDatabase(pool, config.databaseUrl);
    return await work(servers);
  } finally {
    clearLine(cli);
    await Promise.all([admin.stop(), ranges.stop(), pool.end(), threads.stop()]);
  }
}

/** The same with the database alone: the audit's books can be read while the log is away. */
export async function withAuditDatabase<T>(cli: Cli, work: (pool: Pool) => Promise<T>): Promise<T> {
  const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
  const pool = createPool(databaseUrl, createLogger('audit', 'silent'), 1);
  try {
    await checkDatabase(pool, databaseUrl);
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function openServers(cli: Cli) {
  setFlagsFromString(STREAMING_V8_FLAGS.join(' '));
  const config = readSettings(serverEnvironment(cli, SERVERS), auditSettings);
  const logger = createLogger('audit', 'silent');
  const clients = { config, clientId: 'pmc-audit', logger };
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger });
  return {
    ...{ config, clients, logger, codec, clock: systemClock },
    admin: openAdmin(clients),
    ranges: openConfirmedRangeReader(clients),
    pool: createPool(config.databaseUrl, logger),
    threads: new ReadingThreads({ ...config, ...clients }),
  };
}

/** For people: the newest line replaces the one before. */
export function progressOf({ stderr }: Cli): (text: string) => void {
  return (text) => {
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
  };
}

export function clearLine({ stderr }: Cli): void {
  if (stderr.isTTY) stderr.write('\r\u001b[K');
}

export function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function wholeFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,16}$/.test(text) || Number(text) < min || Number(text) > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return Number(text);
  };
}
