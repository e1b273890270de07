// A patch of kafkajs 2.2.4: `Cluster.fetchTopicsOffset`, src/cluster/index.js.
//
// Why. Where a group has committed nothing, a member asks the leader of each such partition where it begins. One without a leader is
// an error of them all, after which the library fetches again, at once and without a pause: thousands of rounds a second in which
// nothing is read, each of which looks like progress.
//
// What differs. Partitions whose leader is -1 (partitions-without-leader.ts) are not asked for, and stand in no answer: the library fetches
// nothing of a partition that it has no offset of, and looks for one at every fetch. A topic of which none is left stands there all the
// same, since it would be a TypeError, which ends the consumer. All else is the library's own function, called as it is.
//
// How. In memory, as idle-timers.ts says, and only before the text that was reviewed.
import { createRequire } from 'node:module';
import { assertReviewed } from '../../reviewed.ts';

const MODULE = 'kafkajs/src/cluster/index.js';
const REVIEWED_SHA256 = '31c9f79434c891bee2a30b863c60317fa1be4022e6ed3215715eb14710022f94';

interface Topic {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
}

interface Known {
  readonly partitionId: number;
  readonly leader: number;
}

interface Cluster {
  readonly findTopicPartitionMetadata: (this: Cluster, topic: string) => readonly Known[];
}

export interface ClusterClass {
  readonly prototype: Cluster & {
    fetchTopicsOffset: (this: Cluster, topics: readonly Topic[]) => Promise<readonly Topic[]>;
  };
}

const patched = new WeakSet<ClusterClass['prototype']>();

export function patchOffsetsWithoutLeader(
  { prototype }: ClusterClass = createRequire(import.meta.url)(MODULE) as ClusterClass,
): void {
  if (patched.has(prototype)) return;
  const { fetchTopicsOffset, findTopicPartitionMetadata } = prototype;
  assertReviewed(MODULE, `${String(fetchTopicsOffset)}${String(findTopicPartitionMetadata)}`, REVIEWED_SHA256);
  prototype.fetchTopicsOffset = async function fetchOffsetsOfLed(topics) {
    const led = topics.map((one) => ({ ...one, partitions: ledOf(one, this.findTopicPartitionMetadata(one.topic)) }));
    const answered = await fetchTopicsOffset.call(this, led);
    const names = new Set(answered.map(({ topic }) => topic));
    const unanswered = topics.filter(({ topic }) => !names.has(topic));
    return [...answered, ...unanswered.map(({ topic }) => ({ topic, partitions: [] }))];
  };
  patched.add(prototype);
}

function ledOf({ partitions }: Topic, known: readonly Known[]): Topic['partitions'] {
  const leaderless = new Set(known.filter(({ leader }) => leader < 0).map(({ partitionId }) => partitionId));
  return partitions.filter(({ partition }) => !leaderless.has(partition));
}
