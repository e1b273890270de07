// Which sources this communicator dials: those whose partition of pmc.sources the consumer group gave it. Several communicators
// share the sources by nothing but that; when one dies the group gives its partitions to another within the session timeout.
// So all have the same list: a source that is given to one that has it not in its list is dialled by nobody.
// A source is let go only when the next assignment is known: for a moment two may dial it, which is allowed, but none never.
import type { LogClients } from '../../kafka/connect.ts';
import { openReader } from '../../kafka/connect.ts';
import type { LogAdmin, Reader, TopicPartition } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import type { PmcError } from '../../service/errors.ts';

/** Who dials what the group gives. */
export interface Dialled {
  /** Those that are dialled already; the first assignment says whether they may be. */
  readonly held: ReadonlySet<string>;
  take(source: string): void;
  letGo(source: string): void;
  /** After each assignment. */
  assigned(): void;
  /** The log is away: nothing is assigned until it is back. */
  hold(): void;
}

export interface OwnershipOptions {
  readonly clients: LogClients;
  readonly admin: LogAdmin;
  readonly partitions: number;
  readonly sources: Iterable<string>;
  readonly dialled: Dialled;
  readonly stopping: AbortSignal;
  readonly onFatal: (error: PmcError) => void;
}

/** Resolves when the group has been joined; the first assignment may come a little later. */
export async function joinOwnership(options: OwnershipOptions): Promise<Reader> {
  const { clients, admin, partitions, dialled, stopping, onFatal } = options;
  const sources = [...options.sources];
  const owned = new Set<string>();
  const assigned = (all: readonly TopicPartition[]): void => {
    for (const source of dialled.held) owned.add(source);
    const mine = new Set(all.map(({ partition }) => partition));
    for (const source of sources) {
      const isMine = mine.has(partitionFor(source, partitions));
      if (isMine && !owned.has(source)) {
        owned.add(source);
        dialled.take(source);
      } else if (!isMine && owned.delete(source)) dialled.letGo(source);
    }
    dialled.assigned();
  };
  return await openReader(clients, {
    admin,
    groupId: GROUP.communicator,
    topics: [TOPIC.sources],
    batchRecordsMax: 1_000,
    // What is read here is for the audit; the group is for sharing.
    handleBatch: () => Promise.resolve(),
    onAssigned: assigned,
    onConnection: (problem) => problem !== undefined && dialled.hold(),
    onFatal,
    stopping,
  });
}
