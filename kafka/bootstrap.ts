// Creates the topics that are missing and refuses those whose settings would lose records; never alters an existing one.
import { type Admin, findErrorBy } from '@platformatic/kafka';
import { TOPIC_PLANS } from '../schemas/topics.ts';
import { PmcError } from '../service/errors.ts';
import { type ClusterAccess, type ClusterConfig, clusterAccess } from './client-options.ts';
import { connectionFailure } from './connection-failures.ts';
import { accessOptions } from './platformatic/client.ts';
import { ClusterAdmin } from './platformatic/cluster-admin.ts';
import { type ExistingTopic, planTopics, type TopicToCreate } from './topic-plan.ts';

const CREATED_BY_ANOTHER = 'TOPIC_ALREADY_EXISTS';

/**
 * Returns the names of the topics created now. Throws what `connectionFailure` says, PMC_CLUSTER_INCOMPLETE or
 * PMC_TOPIC_MISMATCH.
 * `brokersMin` is for a cluster that is just starting: the plan goes by the brokers that are there, and a topic made while
 * one is missing would have a single replica for ever.
 */
export async function ensureTopics(
  cluster: ClusterConfig,
  { brokersMin = 1 }: { readonly brokersMin?: number } = {},
): Promise<readonly string[]> {
  const access = clusterAccess(cluster, 'pmc-bootstrap');
  const { brokers } = access;
  const admin = new ClusterAdmin({ ...accessOptions(access), retries: 2 });
  try {
    const names = new Set(await reach(access, () => admin.listTopics()));
    const wanted = TOPIC_PLANS.filter(({ topic }) => names.has(topic)).map(({ topic }) => topic);
    const metadata = await admin.metadata({ topics: wanted, forceUpdate: true });
    if (metadata.brokers.size < brokersMin) {
      const message = `the Kafka cluster at ${brokers.join(', ')} has ${metadata.brokers.size} of the ${brokersMin} brokers wanted; no topic was created`;
      throw new PmcError('PMC_CLUSTER_INCOMPLETE', message, { brokers, found: metadata.brokers.size, brokersMin });
    }
    const existing = new Map<string, ExistingTopic>();
    for (const topic of wanted) {
      const settings = await admin.settingsOf(topic);
      const partitions = metadata.topics.get(topic)?.partitions ?? [];
      const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
      existing.set(topic, { partitions: partitions.length, replicas, settings });
    }
    const { create, mismatches } = planTopics(TOPIC_PLANS, existing, metadata.brokers.size);
    if (mismatches.length > 0) throw new PmcError('PMC_TOPIC_MISMATCH', mismatches.join('\n'), { mismatches });
    for (const topic of create) await createTopic(admin, topic);
    return create.map(({ topic }) => topic);
  } finally {
    await admin.close();
  }
}

async function createTopic(admin: Admin, { topic, partitions, replicas, settings }: TopicToCreate): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas, configs });
  } catch (error) {
    if (!(error instanceof Error) || findErrorBy(error, 'apiId', CREATED_BY_ANOTHER) === null) throw error;
  }
}

async function reach<T>(access: ClusterAccess, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw connectionFailure(error, access);
  }
}
