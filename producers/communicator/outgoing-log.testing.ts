// The outgoing topic in memory, and what reads it: for tests of who gets which dispatch.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Codec } from '../../kafka/codec.ts';
import type { LogRecord, PartitionEnds, RangeEntry, RangeReader } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Vector } from './cursor.ts';
import { Downward } from './downward.ts';
import { communicatorMetrics } from './metrics.ts';
import type { Delivery, Receiver } from './receiver.ts';

const ENTRIES_AT_ONCE = 3;

export class OutgoingLog implements RangeReader {
  readonly codec: Codec;
  readonly records: LogRecord[][];
  readonly logStarts: bigint[];
  /** What `read` does before it gives anything. */
  onRead: (partition: number) => Promise<void> = () => Promise.resolve();
  reads = 0;

  private constructor(codec: Codec, partitions: number) {
    this.codec = codec;
    this.records = Array.from({ length: partitions }, () => []);
    this.logStarts = this.records.map(() => 0n);
  }

  static async open(partitions: number): Promise<OutgoingLog> {
    const codec = new Codec('http://registry');
    await codec.prepare([TOPIC.outgoing]);
    return new OutgoingLog(codec, partitions);
  }

  append(partition: number, source: string, replyId = `${partition}/${this.#at(partition).length}`): void {
    const dispatch: Dispatch = {
      replyId,
      source,
      connection: null,
      chat: 'c',
      inReplyTo: null,
      eventKey: 'key',
      command: 'help',
      content: 'text',
      createdAt: 0,
    };
    const value = this.codec.encode(TOPIC.outgoing, dispatch);
    const offset = BigInt(this.#at(partition).length);
    this.#at(partition).push({
      topic: TOPIC.outgoing,
      partition,
      offset,
      timestampMs: 0,
      key: null,
      value,
      headers: {},
    });
  }

  get ends(): ReadonlyMap<number, PartitionEnds> {
    return new Map(
      this.records.map((records, partition) => {
        const end = BigInt(records.length);
        return [partition, { logStart: this.logStarts[partition] ?? 0n, lastStable: end, highWatermark: end }];
      }),
    );
  }

  downward(start: Vector, saved: Map<string, Vector> = new Map()): Downward {
    const downward = new Downward({
      range: this,
      codec: this.codec,
      saved: {
        begin: (source, position) => Promise.resolve(void (saved.has(source) || saved.set(source, position))),
        load: (source) => Promise.resolve(saved.get(source)),
        moved: (source, position) => saved.set(source, position),
      },
      ends: () => Promise.resolve(this.ends),
      logger: pino({ level: 'silent' }),
      metrics: communicatorMetrics(new Registry()),
    });
    downward.open({ logEpoch: 'log-1', start });
    return downward;
  }

  async *read(
    { partition }: { readonly partition: number },
    lower: bigint,
    upper: bigint,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly RangeEntry[]> {
    this.reads += 1;
    await this.onRead(partition);
    if (lower < (this.logStarts[partition] ?? 0n)) throw new Error('the offset is out of range');
    for (let at = Number(lower); at < Number(upper); at += ENTRIES_AT_ONCE) {
      await Promise.resolve();
      signal?.throwIfAborted();
      const records = this.#at(partition).slice(at, Math.min(at + ENTRIES_AT_ONCE, Number(upper)));
      yield records.map((record) => ({ kind: 'record', record, leaderEpoch: 0 }));
    }
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #at(partition: number): LogRecord[] {
    const records = this.records[partition];
    if (records === undefined) throw new Error(`there is no partition ${partition}`);
    return records;
  }
}

/** Takes what it is given at once, or, as a socket that is waited for, when it is told to. */
export class ScriptedReceiver implements Receiver {
  readonly got: string[] = [];
  readonly positions: Readonly<Record<string, number>>[] = [];
  readonly #isWaitedFor: boolean;
  readonly #taking: ((isTaken: boolean) => void)[] = [];
  canTake = true;

  constructor(isWaitedFor = false) {
    this.#isWaitedFor = isWaitedFor;
  }

  deliver({ dispatch, position }: Delivery): boolean | Promise<boolean> {
    const at = position();
    const take = (isTaken: boolean): boolean => {
      if (isTaken) this.got.push(dispatch.replyId);
      if (isTaken) this.positions.push(at);
      return isTaken;
    };
    if (!this.#isWaitedFor) return take(true);
    return new Promise((resolve) => this.#taking.push((isTaken) => resolve(take(isTaken))));
  }

  /** The socket has taken what it was given, or has not. */
  answer(isTaken: boolean): void {
    for (const take of this.#taking.splice(0)) take(isTaken);
  }
}

/** Everything that can go on without the log has gone on. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
