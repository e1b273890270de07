// A consumer of kafkajs as a member of a group, with every setting that matters given.
import type { Consumer, PartitionAssigner } from 'kafkajs';
import type { ClientOptions } from '../client-options.ts';
import { GATHERED_BYTES } from '../reading.ts';
import { kafkaClient, METADATA_AGE_MAX_MS } from './client.ts';

export const FETCH_WAIT_MS = 500;

export interface GroupConsumerOptions extends ClientOptions {
  readonly groupId: string;
  /** Who gets which partition; the library's own otherwise. */
  readonly assigner?: PartitionAssigner;
  /** As of ReaderOptions. */
  readonly gatherMs?: number;
  /** For ever unless given. */
  readonly retries?: number;
}

/** `isWanted`: whether it is to begin anew after a crash. It would, a minute after it was disconnected, and join as one more member. */
export function groupConsumer(options: GroupConsumerOptions, isWanted: (consumer: Consumer) => boolean): Consumer {
  const consumer: Consumer = kafkaClient(options).consumer({
    groupId: options.groupId,
    ...(options.assigner && { partitionAssigners: [options.assigner] }),
    sessionTimeout: 10_000,
    heartbeatInterval: 3_000,
    rebalanceTimeout: 30_000,
    metadataMaxAge: METADATA_AGE_MAX_MS,
    allowAutoTopicCreation: false,
    maxBytes: 4_194_304,
    maxBytesPerPartition: 1_048_576,
    minBytes: options.gatherMs === undefined ? 1 : GATHERED_BYTES,
    maxWaitTimeInMs: options.gatherMs ?? FETCH_WAIT_MS,
    // Aborted data is told apart in fetched.ts, because the library's own filter cannot.
    readUncommitted: true,
    retry: {
      retries: options.retries ?? 1_000_000,
      initialRetryTime: 200,
      maxRetryTime: 5_000,
      restartOnFailure: () => Promise.resolve(isWanted(consumer)),
    },
  });
  return consumer;
}
