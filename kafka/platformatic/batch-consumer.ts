// The library's consumer with two answers replaced. One tells who leads (metadata-answer.ts). The other, to a fetch, keeps the batches as
// the bytes that the broker stores, for decode-batches.ts. What cannot be decoded is then the matter of one partition and not of the whole
// answer, and the library's filter of aborted transactions, which remembers one for each producer, has nothing to filter.
import {
  type API,
  type Callback,
  Consumer,
  createAPI,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  kGetApi,
} from '@platformatic/kafka';
import { type FetchAnswer, parseAnswer } from './fetch-answer.ts';
import { METADATA_APIS } from './metadata-answer.ts';
import { ourVersion } from './replaced-api.ts';

const FETCH = 1;
/** By version: those that name topics by their ids, whose answers differ in what is skipped here. */
const FETCH_APIS = new Map(
  [fetchV13, fetchV14, fetchV15, fetchV16, fetchV17].map(({ api: { version }, createRequest }) => [
    version,
    createAPI(FETCH, version, createRequest, parseAnswer),
  ]),
);

const APIS = { Fetch: FETCH_APIS, Metadata: METADATA_APIS };

type FetchRequest = Parameters<Consumer['fetch']>[0];

export class BatchConsumer extends Consumer {
  /** Rejects with the library's errors; a partition that was refused has the whole answer in `response` of its ResponseError. */
  async fetchStored(request: FetchRequest): Promise<FetchAnswer> {
    return (await this.fetch(request)) as unknown as FetchAnswer;
  }

  override [kGetApi]<Request extends unknown[], Response>(
    name: string,
    callback: Callback<API<Request, Response>>,
  ): void {
    super[kGetApi](name, ourVersion(APIS, name, callback));
  }
}
