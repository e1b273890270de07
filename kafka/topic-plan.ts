// Compares the topics that should be with those that are; pure. What it returns, bootstrap.ts applies.
import type { TopicPlan } from '../schemas/topics.ts';
import { TOPIC_SETTINGS } from '../schemas/topics.ts';

export interface ExistingTopic {
  readonly partitions: number;
  /** Of the partition that has fewest. */
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface TopicToCreate {
  readonly topic: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface TopicChanges {
  readonly create: readonly TopicToCreate[];
  /** One sentence each: what is wrong with an existing topic and would cost records or proof, and where it is not plain, what to do. */
  readonly mismatches: readonly string[];
}

const REPLICAS = 3;
/** So many must have a record before it is acknowledged. */
const COPIES_MIN = 2;

/** Embedded: one broker, nothing to replicate to. Distributed: three replicas, two of which must have a record. */
export function planTopics(
  plans: readonly TopicPlan[],
  existing: ReadonlyMap<string, ExistingTopic>,
  brokers: number,
): TopicChanges {
  const distributed = brokers >= 3;
  const create: TopicToCreate[] = [];
  const mismatches: string[] = [];
  for (const plan of plans) {
    const partitions = distributed ? plan.partitionsDistributed : plan.partitionsEmbedded;
    const settings = {
      ...TOPIC_SETTINGS,
      'retention.ms': String(plan.retentionMs),
      'min.insync.replicas': distributed ? String(COPIES_MIN) : '1',
    };
    const found = existing.get(plan.topic);
    if (found === undefined) {
      create.push({ topic: plan.topic, partitions, replicas: distributed ? REPLICAS : 1, settings });
      continue;
    }
    const policy = found.settings['cleanup.policy'];
    if (policy !== undefined && policy !== 'delete') {
      mismatches.push(`${plan.topic} has cleanup.policy=${policy}, must be delete: compaction makes holes legal`);
    }
    if (found.settings['unclean.leader.election.enable'] === 'true') {
      mismatches.push(
        `${plan.topic} has unclean.leader.election.enable=true, must be false: it loses acknowledged records`,
      );
    }
    if (distributed) mismatches.push(...onOneDisk(plan.topic, found));
  }
  return { create, mismatches };
}

/**
 * Of a cluster that could keep a record twice: a topic of which a single broker's disk may have the only copy of what was acknowledged, as
 * topics of the time of one broker have, and those that were made with Kafka's own defaults. Both can be set right while the services run.
 */
function onOneDisk(topic: string, { replicas, settings }: ExistingTopic): readonly string[] {
  const minimum = settings['min.insync.replicas'];
  const isMinimum = minimum === undefined || Number(minimum) >= COPIES_MIN;
  const setMinimum = `pmc kafka configs --alter --entity-type topics --entity-name ${topic} --add-config min.insync.replicas=${COPIES_MIN}`;
  if (replicas < COPIES_MIN) {
    const then = isMinimum ? '' : `, and then: ${setMinimum}`;
    return [
      `${topic} has ${replicas} replica, must have ${COPIES_MIN} at least (the plan has ${REPLICAS}): the loss of one disk loses acknowledged records; give its partitions more with Kafka's kafka-reassign-partitions${then}`,
    ];
  }
  if (isMinimum) return [];
  return [
    `${topic} has min.insync.replicas=${minimum}, must be ${COPIES_MIN}: a record is acknowledged that one disk alone has; set it: ${setMinimum}`,
  ];
}
