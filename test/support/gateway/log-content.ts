// What is on the log, as a test asks it: past the proxies, by offsets and without a group. Reads on where it had come.
import { Codec, type ValueOf } from '../../../kafka/codec.ts';
import type { LogAdmin, RangeReader } from '../../../kafka/log.ts';
import { platformaticAdmin } from '../../../kafka/platformatic/admin.ts';
import { platformaticRangeReader } from '../../../kafka/platformatic/range-reader.ts';
import { TOPIC, type TopicName } from '../../../schemas/topics.ts';

export interface Found<T extends TopicName> {
  readonly topic: T;
  readonly partition: number;
  readonly offset: bigint;
  readonly value: ValueOf<T>;
}

type All = { readonly [T in TopicName]: Found<T>[] };

export class LogContent {
  readonly #all: All = { [TOPIC.incoming]: [], [TOPIC.rejected]: [], [TOPIC.sources]: [], [TOPIC.outgoing]: [] };
  readonly #positions = new Map<string, bigint>();
  readonly #codec: Codec;
  readonly #admin: LogAdmin;
  readonly #range: RangeReader;

  constructor(brokers: readonly string[], registryUrl: string) {
    const access = { brokers, clientId: 'test-log-content' };
    this.#codec = new Codec(registryUrl);
    this.#admin = platformaticAdmin(access);
    this.#range = platformaticRangeReader(access);
  }

  /** By `topic-partition`: how far it has read. */
  get positions(): ReadonlyMap<string, bigint> {
    return this.#positions;
  }

  /** Everything on the topic, up to the ends it has now; by partition, then by offset. */
  async read<T extends TopicName>(topic: T): Promise<readonly Found<T>[]> {
    const all = this.#all[topic] as Found<T>[];
    for (const [partition, { logStart, highWatermark }] of await this.#admin.ends(topic)) {
      const name = `${topic}-${partition}`;
      const from = this.#positions.get(name) ?? logStart;
      for await (const entries of this.#range.read({ topic, partition }, from, highWatermark)) {
        for (const entry of entries) {
          if (entry.kind !== 'record') throw new Error(`${name} has a hole at ${entry.offset}`);
          const decoded = await this.#codec.decode(topic, entry.record.value);
          if (!decoded.ok) throw decoded.error;
          all.push({ topic, partition, offset: entry.record.offset, value: decoded.value });
        }
      }
      this.#positions.set(name, highWatermark);
    }
    return all;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#admin.stop(), this.#range.stop()]);
  }
}
