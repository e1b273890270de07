// A patch of kafkajs 2.2.4: `BrokerPool.refreshMetadata`, src/cluster/brokerPool.js.
//
// Why. What a client knows of a topic is good for half a minute, also where it was asked for in the middle of an election: a partition
// that had no leader then (partitions-without-leader.ts) was not read for as long, though it had one a moment later.
//
// What differs. An answer in which a partition has no leader is good for a second. All else is the library's own function, called as it is.
//
// How. In memory, as idle-timers.ts says, and only before the text that was reviewed.
import { createRequire } from 'node:module';
import { assertReviewed } from '../../reviewed.ts';

const MODULE = 'kafkajs/src/cluster/brokerPool.js';
const REVIEWED_SHA256 = '040824a9b1b99940c87e239ce74393869c1a0b376a151237f63c5611906e8bc3';
const AGE_MAX_MS = 1_000;

interface BrokerPool {
  readonly metadata: {
    readonly topicMetadata: readonly { readonly partitionMetadata: readonly { readonly leader: number }[] }[];
  } | null;
  metadataExpireAt: number | null;
}

export interface BrokerPoolClass {
  readonly prototype: {
    refreshMetadata: (this: BrokerPool, topics: readonly string[]) => Promise<unknown>;
    /** It is what looks at `metadataExpireAt`. */
    readonly refreshMetadataIfNecessary: (this: BrokerPool, topics: readonly string[]) => Promise<unknown>;
  };
}

const patched = new WeakSet<BrokerPoolClass['prototype']>();

export function patchLeadersToCome(
  { prototype }: BrokerPoolClass = createRequire(import.meta.url)(MODULE) as BrokerPoolClass,
): void {
  if (patched.has(prototype)) return;
  const { refreshMetadata, refreshMetadataIfNecessary } = prototype;
  assertReviewed(MODULE, `${String(refreshMetadata)}${String(refreshMetadataIfNecessary)}`, REVIEWED_SHA256);
  prototype.refreshMetadata = async function refreshSoonWithoutLeader(topics) {
    const refreshed = await refreshMetadata.call(this, topics);
    const partitions = this.metadata?.topicMetadata.flatMap(({ partitionMetadata }) => partitionMetadata) ?? [];
    const soon = Date.now() + AGE_MAX_MS;
    if (partitions.some(({ leader }) => leader < 0))
      this.metadataExpireAt = Math.min(soon, this.metadataExpireAt ?? soon);
    return refreshed;
  };
  patched.add(prototype);
}
