// The library's admin client, which can be asked about topics also while one of their partitions has no leader.
import { Admin, type API, type Callback, kGetApi } from '@platformatic/kafka';
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
}
