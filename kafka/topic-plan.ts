// Compares the topics that should be with those that are; pure. What it returns, bootstrap.ts applies.
import type { TopicPlan } from '../schemas/topics.ts';
import { TOPIC_SETTINGS } from '../schemas/topics.ts';

export interface ExistingTopic {
  readonly partitions: number;
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
  /** One sentence each: what is wrong with an existing topic and would cost records or proof. */
  readonly mismatches: readonly string[];
}

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
      'min.insync.replicas': distributed ? '2' : '1',
    };
    const found = existing.get(plan.topic);
    if (found === undefined) {
      create.push({ topic: plan.topic, partitions, replicas: distributed ? 3 : 1, settings });
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
  }
  return { create, mismatches };
}
