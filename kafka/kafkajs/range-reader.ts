// Reads bounded offset ranges by kafkajs: a second opinion on what the other client does not find. The library reads in groups only, so
// each range has a group of its own, of one member, with that one partition; nothing is ever committed, and the group ends with the read.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { addAbortSignal, PassThrough } from 'node:stream';
import { AssignerProtocol, type Batch, type Consumer, type PartitionAssigner } from 'kafkajs';
import { PmcError } from '../../service/errors.ts';
import type { ClientOptions } from '../client-options.ts';
import { accessRefusal } from '../connection-failures.ts';
import type { Offset, RangeEntry, RangeReader, TopicPartition } from '../log.ts';
import { parseOffset } from '../offsets.ts';
import { FETCH_WAIT_MS, groupConsumer } from './consumer.ts';
import { isInTransaction, toRecord } from './fetched.ts';

const NO_EPOCH = -1;
/** So many answers of the broker without a record are an answer. */
const QUIET_FETCHES = 3;
/** An answer without a record takes the broker this long; what is sooner is one with records, or an error that the library keeps to itself. */
const QUIET_MS = FETCH_WAIT_MS / 2;
const SILENT_MS = 30_000;
/** About half a minute. */
const RETRIES = 8;

class KafkajsRangeReader implements RangeReader {
  readonly #options: ClientOptions;
  readonly #open = new Set<PassThrough>();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Ends where the log has nothing more below `upper`. Of transactions it gives nothing: it cannot tell aborted data from committed. */
  async *read(
    from: TopicPartition,
    lower: Offset,
    upper: Offset,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly RangeEntry[]> {
    if (lower >= upper) return;
    const one = new OneRange(this.#options, from, lower, upper);
    const found = signal === undefined ? one.found : addAbortSignal(signal, one.found);
    this.#open.add(found);
    try {
      one.begin();
      yield* found as AsyncIterable<readonly RangeEntry[]>;
    } finally {
      this.#open.delete(found);
      await one.end();
    }
  }

  stop(): Promise<void> {
    for (const found of this.#open) found.destroy();
    return Promise.resolve();
  }
}

/** One range on its way from a consumer of its own into a stream, at the pace of whoever reads that. */
class OneRange {
  readonly found = new PassThrough({ objectMode: true, highWaterMark: 1 });
  readonly #options: ClientOptions;
  readonly #from: TopicPartition;
  readonly #upper: Offset;
  readonly #consumer: Consumer;
  readonly #isLeader: (nodeId: number) => boolean;
  readonly #silence: NodeJS.Timeout;
  #next: Offset;
  #quiet = 0;
  /** By whoever reads. */
  #isHeldUp = false;

  constructor(options: ClientOptions, from: TopicPartition, lower: Offset, upper: Offset) {
    const { assigner, isLeader } = onlyOne(from);
    const group = { groupId: `${options.clientId}-${randomUUID()}`, assigner, retries: RETRIES };
    [this.#options, this.#from, this.#next, this.#upper] = [options, from, lower, upper];
    this.#isLeader = isLeader;
    this.#consumer = groupConsumer({ ...options, ...group }, () => false);
    this.#silence = setTimeout(() => this.#silent(), SILENT_MS);
    // It may fail before anybody reads it; whoever does is told.
    this.found.on('error', () => undefined);
  }

  begin(): void {
    const { GROUP_JOIN, FETCH, END_BATCH_PROCESS, CRASH } = this.#consumer.events;
    const { topic, partition } = this.#from;
    // After a rebalance it goes on where it was.
    this.#consumer.on(GROUP_JOIN, () => {
      this.#quiet = 0;
      this.#consumer.seek({ topic, partition, offset: String(this.#next) });
    });
    this.#consumer.on(FETCH, ({ payload }) => {
      // Other brokers are asked for nothing, and that is no answer.
      if (!this.#isLeader(Number(payload.nodeId))) return;
      this.#silence.refresh();
      if (payload.duration < QUIET_MS) return;
      this.#quiet += 1;
      if (this.#quiet > QUIET_FETCHES) this.found.end();
    });
    // Also of what has only control records in it.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      this.#silence.refresh();
      this.#quiet = 0;
      this.#reached(parseOffset(payload.lastOffset) + 1n);
    });
    this.#consumer.on(CRASH, ({ payload }) => this.#fail(payload.error));
    this.#run().catch((error: unknown) => this.#fail(error));
  }

  async end(): Promise<void> {
    clearTimeout(this.#silence);
    this.found.destroy();
    await this.#consumer.disconnect();
  }

  async #run(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [this.#from.topic], fromBeginning: true });
    // What ended meanwhile found nothing to stop.
    if (this.found.destroyed) return await this.#consumer.disconnect();
    await this.#consumer.run({ autoCommit: false, eachBatch: ({ batch }) => this.#hand(batch) });
  }

  async #hand({ messages }: Batch): Promise<void> {
    const { topic, partition } = this.#from;
    const records = messages
      .filter((message) => !isInTransaction(message))
      .map((message) => toRecord(topic, partition, message))
      .filter(({ offset }) => offset >= this.#next && offset < this.#upper);
    const last = records.at(-1);
    if (last === undefined || !this.found.writable) return;
    this.#next = last.offset + 1n;
    const entries = records.map((record): RangeEntry => ({ kind: 'record', record, leaderEpoch: NO_EPOCH }));
    this.#isHeldUp = !this.found.write(entries);
    if (this.#isHeldUp) await this.#goesOn();
    this.#isHeldUp = false;
  }

  async #goesOn(): Promise<void> {
    const heard = new AbortController();
    const { signal } = heard;
    const either = ['drain', 'close'].map((event) => once(this.found, event, { signal }).catch(() => undefined));
    await Promise.race(either);
    heard.abort();
  }

  #silent(): void {
    if (this.#isHeldUp) this.#silence.refresh();
    else this.#fail(new Error('no broker answers'));
  }

  #reached(offset: Offset): void {
    if (offset > this.#next) this.#next = offset;
    if (this.#next >= this.#upper) this.found.end();
  }

  #fail(cause: unknown): void {
    const { topic, partition } = this.#from;
    const message = `cannot read ${topic}-${partition} at offset ${this.#next} by kafkajs`;
    const details = { topic, partition, offset: String(this.#next) };
    const refusal = accessRefusal(cause, this.#options);
    this.found.destroy(refusal ?? new PmcError('PMC_RANGE_UNREADABLE', message, details, { cause }));
  }
}

/** Assigns one partition to whoever comes, and no other of its topic; and tells who leads it. */
function onlyOne({ topic, partition }: TopicPartition) {
  const [name, version, userData] = ['pmc-one-partition', 0, Buffer.alloc(0)];
  const { MemberAssignment, MemberMetadata } = AssignerProtocol;
  let leaderOf: () => number | undefined = () => undefined;
  const assigner: PartitionAssigner = ({ cluster }) => {
    leaderOf = () =>
      cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition)?.leader;
    return {
      name,
      version,
      assign: ({ members }) => {
        const memberAssignment = MemberAssignment.encode({ version, assignment: { [topic]: [partition] }, userData });
        return Promise.resolve(members.map(({ memberId }) => ({ memberId, memberAssignment })));
      },
      protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version, topics, userData }) }),
    };
  };
  return { assigner, isLeader: (nodeId: number): boolean => nodeId === leaderOf() };
}

export function kafkajsRangeReader(options: ClientOptions): RangeReader {
  return new KafkajsRangeReader(options);
}
