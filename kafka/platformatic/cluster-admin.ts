// The library's admin client, which can be asked about topics also while one of their partitions has no leader, and about their settings also
// while one of the brokers says nothing.
import {
  Admin,
  type API,
  type Callback,
  type ConfigDescription,
  ConfigResourceTypes,
  kGetApi,
  kPerformWithRetry,
} from '@platformatic/kafka';
import { METADATA_APIS } from './metadata-answer.ts';
import { ourVersion } from './replaced-api.ts';

const APIS = { Metadata: METADATA_APIS };

export class ClusterAdmin extends Admin {
  override [kGetApi]<Request extends unknown[], Response>(
    name: string,
    callback: Callback<API<Request, Response>>,
  ): void {
    super[kGetApi](name, ourVersion(APIS, name, callback));
  }

  /** By name. The library takes a connection before it counts attempts, and makes all of them over that one: this is one question of two. */
  async settingsOf(topic: string): Promise<Readonly<Record<string, string>>> {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }];
    const [description] = await new Promise<ConfigDescription[]>((resolve, reject) => {
      const ask = (answered: Callback<ConfigDescription[]>): void => this.describeConfigs({ resources }, answered);
      const told: Callback<ConfigDescription[]> = (error, found) => (error ? reject(error) : resolve(found ?? []));
      void this[kPerformWithRetry]('settingsOf', ask, told, 0, [], undefined, 1);
    });
    return Object.fromEntries((description?.configs ?? []).map(({ name, value }) => [name, value ?? '']));
  }
}
