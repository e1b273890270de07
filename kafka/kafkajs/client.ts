// One Kafka object per producer and per consumer: kafkajs shares a cache of committed offsets among the clients of one
// object. Every retry and time-out is explicit, because the library picks others when NODE_ENV is "test".
import { Kafka, type LogEntry, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from '../../service/logger.ts';
import type { ClientOptions, SaslLogin } from '../client-options.ts';
import { registerCompressions } from './compression.ts';
import { patchFetchedBatches, tellOfDamage } from './patches/fetched-batches.ts';
import { patchIdleTimers } from './patches/idle-timers.ts';
import { patchLeadersToCome } from './patches/leaders-to-come.ts';
import { patchOffsetsWithoutLeader } from './patches/offsets-without-leader.ts';
import { patchPartitionsWithoutLeader } from './patches/partitions-without-leader.ts';
import { patchStaleAnswers } from './patches/stale-answers.ts';
import { destroyingSocketFactory } from './socket-factory.ts';

export const REQUEST_TIMEOUT_MS = 10_000;
export const METADATA_AGE_MAX_MS = 30_000;

// At import: a library that is not the one reviewed stops the process, where an error while connecting would be tried again.
patchFetchedBatches();
patchIdleTimers();
patchStaleAnswers();
patchPartitionsWithoutLeader();
patchLeadersToCome();
patchOffsetsWithoutLeader();

export function kafkaClient({ brokers, clientId, tls, sasl, logger }: ClientOptions): Kafka {
  registerCompressions(logger);
  tellOfDamage(logger);
  return new Kafka({
    clientId,
    brokers: fromAnyOn(brokers),
    ...(tls && { ssl: { ...tls } }),
    ...(sasl && { sasl: loginOf(sasl) }),
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

/**
 * Each client begins with another broker: the library begins with the first and gives up when that one takes the connection and
 * then says nothing, so that a client made anew would run into the same wall.
 */
function fromAnyOn(brokers: readonly string[]): string[] {
  const start = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(start), ...brokers.slice(0, start)];
}

/** The library tells the mechanisms apart by type and adds a field of its own to the object, which must not be shared. */
function loginOf({ mechanism, username, password }: SaslLogin): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password };
    case 'scram-sha-256':
      return { mechanism, username, password };
    case 'scram-sha-512':
      return { mechanism, username, password };
  }
}

function forward({ level, namespace, log }: LogEntry, logger: Logger): void {
  const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
  const details = { client: 'kafkajs', namespace, message, ...fields };
  // The library calls errors what it then retries; what cannot be retried reaches us as a rejection or a crash.
  if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn(details, 'kafka.client.warning');
  else logger.debug(details, 'kafka.client.note');
}
