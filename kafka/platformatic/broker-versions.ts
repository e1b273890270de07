// Asks every broker of a cluster which versions of which requests it takes: in a rolling upgrade they differ.
import { Admin, apiVersionsV1, type Connection } from '@platformatic/kafka';
import type { VersionRange } from '../api-versions.ts';
import type { ClusterAccess } from '../client-options.ts';
import { connectionFailure } from '../connection-failures.ts';
import { accessOptions } from './client.ts';

export interface BrokerVersions {
  /** As host:port. */
  readonly broker: string;
  readonly offered: ReadonlyMap<string, VersionRange>;
}

/** Those of the brokers that answer, at least one. Throws as `connectionFailure` says. */
export async function brokerVersions(access: ClusterAccess): Promise<readonly BrokerVersions[]> {
  const admin = new Admin({ ...accessOptions(access), requestTimeout: 10_000, retries: 2 });
  try {
    const { brokers } = await admin.metadata({ topics: [] });
    const answers = await Promise.allSettled(
      [...brokers].map(async ([nodeId, { host, port }]) => {
        const connection = (await admin.connectToBrokers([nodeId])).get(nodeId);
        if (connection === undefined) throw new Error(`broker ${nodeId} has left the cluster`);
        return { broker: `${host}:${port}`, offered: await offeredBy(connection) };
      }),
    );
    const answered = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    if (answered.length === 0) {
      const reasons: readonly unknown[] = answers.flatMap((answer) => ('reason' in answer ? [answer.reason] : []));
      throw new AggregateError(reasons, 'no broker of the cluster answers');
    }
    return answered;
  } catch (error) {
    throw connectionFailure(error, access);
  } finally {
    await admin.close();
  }
}

async function offeredBy(connection: Connection): Promise<ReadonlyMap<string, VersionRange>> {
  const { apiKeys } = await apiVersionsV1.api.async(connection, 'pmc', '1');
  return new Map(apiKeys.map(({ name, minVersion, maxVersion }) => [name, [minVersion, maxVersion]]));
}
