// A reader under test, opened as a service opens it, whose handler remembers what it was handed and when.
import { openAdmin, openReader } from '../../../kafka/connect.ts';
import type { Batch, LogRecord, Offset, OffsetGap, Reader, TopicPartition } from '../../../kafka/log.ts';
import type { PmcError } from '../../../service/errors.ts';
import { type ClientName, logger } from './clients-under-test.ts';
import type { Handled } from './read-verdict.ts';

export interface Recording {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly groupId: string;
  readonly member?: string;
  readonly batchRecordsMax?: number;
  readonly gatherMs?: number;
  /** Throws to have the batch again; what it resolves for counts as durable. */
  readonly handle?: (batch: Batch) => Promise<void>;
}

export class Recorded {
  /** In the order in which the handler returned. */
  readonly handled: Handled[] = [];
  readonly records: LogRecord[] = [];
  readonly incarnations = new Set<string>();
  readonly gaps: OffsetGap[] = [];
  readonly fatal: PmcError[] = [];
  /** What each assignment gave, in their order. */
  readonly assignments: (readonly TopicPartition[])[] = [];
  readonly revoked: number[] = [];

  /** Offsets of a partition, in the order in which they were handled. */
  offsets(partition = 0): readonly Offset[] {
    return this.records.filter((one) => one.partition === partition).map(({ offset }) => offset);
  }

  keep({ partition, records, incarnation }: Batch, member: string): void {
    const [first, last] = [records[0], records.at(-1)];
    if (first === undefined || last === undefined) throw new Error('an empty batch was handed over');
    this.handled.push({ member, partition, lower: first.offset, upper: last.offset + 1n, atMs: Date.now() });
    this.records.push(...records);
    this.incarnations.add(incarnation);
  }
}

export interface RecordingReader {
  readonly recorded: Recorded;
  readonly reader: Reader;
  /** May be called twice. */
  readonly stop: () => Promise<void>;
}

export async function recordingReader(recording: Recording): Promise<RecordingReader> {
  const { client, brokers, topic, groupId, member = 'one', batchRecordsMax = 10, gatherMs, handle } = recording;
  const clients = { config: { brokers, readerClient: client }, clientId: `test-${member}`, logger };
  const admin = openAdmin(clients);
  const recorded = new Recorded();
  const reader = await openReader(clients, {
    admin,
    groupId,
    topics: [topic],
    batchRecordsMax,
    ...(gatherMs !== undefined && { gatherMs }),
    async handleBatch(batch) {
      await handle?.(batch);
      // Given back because the assignment is lost: nobody counts on it.
      if (!batch.signal.aborted) recorded.keep(batch, member);
    },
    onAssigned: (assigned) => recorded.assignments.push(assigned),
    onRevoked: (generation) => recorded.revoked.push(generation),
    onGap: (gap) => recorded.gaps.push(gap),
    onFatal: (error) => recorded.fatal.push(error),
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await reader.stop();
    await admin.stop();
  };
  return {
    recorded,
    reader,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Offsets [lower, upper). */
export function offsets(lower: number, upper: number): readonly Offset[] {
  return Array.from({ length: upper - lower }, (_, index) => BigInt(lower + index));
}
