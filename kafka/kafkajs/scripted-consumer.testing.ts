// A reader on a scripted consumer of kafkajs: the test plays the library's part, and sees what became of what it handed over.
// The test file replaces ./client.ts, so that `kafkaClient` makes `script.consumer`.
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { PmcError } from '../../service/errors.ts';
import type { Batch, LogAdmin, OffsetGap, Reader } from '../log.ts';
import { startKafkajsReader } from './reader.ts';

export const TOPIC = 'pmc.messages.incoming';

/** A consumer of kafkajs as the reader sees it; a test plays the library's part. */
export class ScriptedConsumer extends EventEmitter {
  readonly events = {
    GROUP_JOIN: 'join',
    REBALANCING: 'rebalancing',
    FETCH: 'fetch',
    HEARTBEAT: 'heartbeat',
    CRASH: 'crash',
    REQUEST_TIMEOUT: 'timeout',
    END_BATCH_PROCESS: 'end',
  };
  eachBatch: (payload: unknown) => Promise<void> = () => Promise.resolve();
  readonly resolved: string[] = [];
  readonly committed: string[] = [];
  heartbeats = 0;
  heartbeatFailure: Error | undefined;

  readonly told: unknown[] = [];

  pause = (partitions: unknown[]) => partitions.forEach((one) => this.told.push(['pause', one]));
  resume = (partitions: unknown[]) => partitions.forEach((one) => this.told.push(['resume', one]));
  seek = (to: unknown) => this.told.push(['seek', to]);
  connect = (): Promise<void> => Promise.resolve();
  subscribe = () => Promise.resolve();
  disconnect = () => Promise.resolve();
  isSoughtAway = false;

  commitOffsets = (offsets: { offset: string }[]) => {
    this.committed.push(...offsets.map(({ offset }) => offset));
    return Promise.resolve();
  };
  run = ({ eachBatch }: { eachBatch: ScriptedConsumer['eachBatch'] }) => {
    this.eachBatch = eachBatch;
    return Promise.resolve();
  };

  join(partitions: readonly number[]): void {
    this.emit(this.events.GROUP_JOIN, { payload: { memberAssignment: { [TOPIC]: partitions } } });
  }

  /** Goes over offsets of partition 0 that hold only control records and aborted data, up to this one. */
  skip(lastOffset: number): void {
    const payload = { topic: TOPIC, partition: 0, batchSize: 0, lastOffset: String(lastOffset) };
    this.emit(this.events.END_BATCH_PROCESS, { payload });
  }

  /** Hands offsets over as one fetched batch of partition 0; `holes` are the legal ones at its ends. */
  deliver(offsets: readonly number[], holes: { before?: number; after?: number } = {}): Promise<void> {
    const first = (offsets[0] ?? 0) - (holes.before ?? 0);
    const last = (offsets.at(-1) ?? 0) + (holes.after ?? 0);
    const messages = offsets.map((offset) => ({
      offset: String(offset),
      timestamp: '5',
      key: null,
      value: Buffer.from('v'),
      headers: { one: Buffer.from('1'), many: [Buffer.from('1'), Buffer.from('2')], none: undefined },
    }));
    return this.eachBatch({
      batch: {
        topic: TOPIC,
        partition: 0,
        messages,
        highWatermark: '100',
        firstOffset: () => String(first),
        lastOffset: () => String(last),
      },
      heartbeat: () => {
        this.heartbeats += 1;
        if (this.heartbeatFailure !== undefined) return Promise.reject(this.heartbeatFailure);
        this.emit(this.events.HEARTBEAT);
        return Promise.resolve();
      },
      resolveOffset: (offset: string) => this.resolved.push(offset),
      commitOffsetsIfNecessary: ({ topics }: { topics: { partitions: { offset: string }[] }[] }) => {
        this.committed.push(...topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)));
        return Promise.resolve();
      },
      isRunning: () => true,
      isStale: () => this.isSoughtAway,
    });
  }
}

/** What the test decides, and what it sees. */
export class Script {
  consumer = new ScriptedConsumer();
  incarnation = 'first-life';
  adminFailure: Error | undefined;
  /** What the group has committed, as the admin client tells it. */
  committedBefore: ReadonlyMap<number, bigint> = new Map();
  handle: (batch: Batch) => Promise<void> = () => Promise.resolve();
  readonly batches: Batch[] = [];
  readonly gaps: OffsetGap[] = [];
  readonly fatal: PmcError[] = [];

  get offsets(): readonly (readonly bigint[])[] {
    return this.batches.map(offsetsOf);
  }

  async startReader(): Promise<Reader> {
    const described = () => [{ topic: TOPIC, incarnation: this.incarnation, partitions: [] }];
    const admin = {
      topics: () => (this.adminFailure ? Promise.reject(this.adminFailure) : Promise.resolve(described())),
      committed: () => Promise.resolve(this.committedBefore),
    };
    return await startKafkajsReader({
      brokers: ['broker:1'],
      clientId: 'test',
      groupId: 'group',
      topics: [TOPIC],
      batchRecordsMax: 2,
      logger: pino({ level: 'silent' }),
      admin: admin as unknown as LogAdmin,
      handleBatch: (batch) => {
        this.batches.push(batch);
        return this.handle(batch);
      },
      onGap: (gap) => this.gaps.push(gap),
      onFatal: (error) => this.fatal.push(error),
    });
  }
}

export function offsetsOf({ records }: Batch): readonly bigint[] {
  return records.map(({ offset }) => offset);
}
