// One Kafka object per producer and per consumer: kafkajs shares a cache of committed offsets among the clients of one
// object. Every retry and time-out is explicit, because the library picks others when NODE_ENV is "test".
import { Kafka, type LogEntry, logLevel } from 'kafkajs';
import type { Logger } from '../../service/logger.ts';
import { registerCompressions } from './compression.ts';
import { destroyingSocketFactory } from './socket-factory.ts';

export interface ClientOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: Logger;
}

export const REQUEST_TIMEOUT_MS = 10_000;
export const METADATA_AGE_MAX_MS = 30_000;

export function kafkaClient({ brokers, clientId, logger }: ClientOptions): Kafka {
  registerCompressions();
  return new Kafka({
    clientId,
    brokers: [...brokers],
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000, factor: 0.2, multiplier: 2 },
    socketFactory: destroyingSocketFactory,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => forward(entry, logger),
  });
}

function forward({ level, namespace, log }: LogEntry, logger: Logger): void {
  const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
  const details = { client: 'kafkajs', namespace, message, ...fields };
  // The library calls errors what it then retries; what cannot be retried reaches us as a rejection or a crash.
  if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn(details, 'kafka.client.warning');
  else logger.debug(details, 'kafka.client.note');
}
