// The one place that chooses clients: what rooms import to reach the log.
import { backoffMs, pause, unlessAborted } from '../service/backoff.ts';
import type { ConfigOf } from '../service/config.ts';
import { describeError, PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import { type ClientUse, incompatibilities } from './api-versions.ts';
import { type AppenderOptions, type ClusterConfig, clusterAccess, type OnConnection } from './client-options.ts';
import type { kafkaSettings } from './config.ts';
import { confirmedRanges } from './confirmed-ranges.ts';
import { kafkajsAppender } from './kafkajs/appender.ts';
import { kafkajsRangeReader } from './kafkajs/range-reader.ts';
import { startKafkajsReader } from './kafkajs/reader.ts';
import type { Appender, LogAdmin, RangeReader, Reader, ReaderOptions } from './log.ts';
import { platformaticAdmin } from './platformatic/admin.ts';
import { platformaticAppender } from './platformatic/appender.ts';
import { brokerVersions } from './platformatic/broker-versions.ts';
import { platformaticRangeReader } from './platformatic/range-reader.ts';
import { startPlatformaticReader } from './platformatic/reader.ts';

/** What opens a client: the cluster, and for an appender or a reader which library it is. */
export interface LogClients<Choice extends 'appenderClient' | 'readerClient' = 'appenderClient' | 'readerClient'> {
  readonly config: ClusterConfig & Pick<ConfigOf<typeof kafkaSettings>, Choice>;
  /** Shows in the broker's logs and in group descriptions. */
  readonly clientId: string;
  readonly logger: Logger;
}

export interface ClusterClients {
  readonly config: ClusterConfig & Partial<Pick<ConfigOf<typeof kafkaSettings>, 'appenderClient' | 'readerClient'>>;
  readonly clientId: string;
}

interface OpenReaderOptions extends ReaderOptions {
  readonly admin: LogAdmin;
  /** Told why the reader is not opened yet. */
  readonly onConnection?: OnConnection;
  /** Whoever waits for the cluster waits no longer. */
  readonly stopping?: AbortSignal;
  onFatal(error: PmcError): void;
}

const APPENDERS = { kafkajs: kafkajsAppender, platformatic: platformaticAppender } as const;
const READERS = { kafkajs: startKafkajsReader, platformatic: startPlatformaticReader } as const;

const CHECK_BACKOFF = { initialMs: 250, maxMs: 5_000 };

/**
 * Whether the cluster lets us in and speaks with the chosen clients; asked once, before anything is opened. Throws
 * PMC_KAFKA_UNREACHABLE, _AUTHENTICATION, _CERTIFICATE or _INCOMPATIBLE.
 */
export async function checkCluster({ config, clientId }: ClusterClients): Promise<void> {
  const { appenderClient, readerClient } = config;
  const uses: readonly ClientUse[] = [
    ...(appenderClient === undefined ? [] : [{ client: appenderClient, role: 'append' } as const]),
    ...(readerClient === undefined ? [] : [{ client: readerClient, role: 'read' } as const]),
    { client: 'platformatic', role: 'operate' },
  ];
  for (const { broker, offered } of await brokerVersions(clusterAccess(config, clientId))) {
    const problems = incompatibilities(offered, uses);
    if (problems.length === 0) continue;
    const message = `the broker at ${broker} and the chosen clients do not understand each other: ${problems.join('; ')}`;
    throw new PmcError('PMC_KAFKA_INCOMPATIBLE', message, { broker, problems });
  }
}

/** Waits for a cluster or a topic that is away, loudly; what waiting does not cure is thrown. */
async function untilThere(
  clients: ClusterClients & Pick<LogClients, 'logger'>,
  { admin, topics, onConnection, stopping }: Pick<OpenReaderOptions, 'admin' | 'topics' | 'onConnection' | 'stopping'>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await checkCluster(clients);
      await admin.topics(topics);
      return;
    } catch (error) {
      stopping?.throwIfAborted();
      if (!(error instanceof PmcError && error.retriable)) throw error;
      onConnection?.(error);
      clients.logger.warn({ error: describeError(error), attempt }, 'kafka.cluster.away');
      await pause(backoffMs(attempt, CHECK_BACKOFF), stopping);
      stopping?.throwIfAborted();
    }
  }
}

export function openAppender(
  { config, clientId, logger }: LogClients<'appenderClient'>,
  options: Pick<AppenderOptions, 'onConnection'> = {},
): Appender {
  return APPENDERS[config.appenderClient]({ ...options, ...clusterAccess(config, clientId), logger });
}

/**
 * Resolves when the cluster and the topics are there; throws what `checkCluster` throws and waiting does not cure, and the reason of
 * `stopping`.
 */
export async function openReader(clients: LogClients<'readerClient'>, options: OpenReaderOptions): Promise<Reader> {
  const { config, clientId, logger } = clients;
  const there = untilThere(clients, options);
  await (options.stopping === undefined ? there : unlessAborted(there, options.stopping));
  return await READERS[config.readerClient]({ ...options, ...clusterAccess(config, clientId), logger });
}

export function openAdmin({ config, clientId }: ClusterClients): LogAdmin {
  return platformaticAdmin(clusterAccess(config, clientId));
}

export function openRangeReader({ config, clientId }: ClusterClients): RangeReader {
  return platformaticRangeReader(clusterAccess(config, clientId));
}

/** The same, and what it leaves out is read again by the other client: for those who call missing what they do not find. */
export function openConfirmedRangeReader({
  config,
  clientId,
  logger,
}: ClusterClients & Pick<LogClients, 'logger'>): RangeReader {
  const access = clusterAccess(config, clientId);
  return confirmedRanges({
    first: platformaticRangeReader(access),
    other: kafkajsRangeReader({ ...access, logger }),
    onFilled: ({ topic, partition }, found) =>
      logger.warn({ topic, partition, records: found.length }, 'kafka.ranges.filled'),
  });
}
