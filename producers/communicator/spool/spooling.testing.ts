// A communicator's way from frame to log by the spool, with the real file and its thread, and a log in memory that outlives it.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Accumulator } from '../../../kafka/accumulator.ts';
import { Codec } from '../../../kafka/codec.ts';
import type { AppendOutcome, AppendRecord, TopicPartition } from '../../../kafka/log.ts';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import type { EndOffset, IncomingEvent } from '../../../schemas/generated.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { Health } from '../../../service/health.ts';
import { highestEnds } from '../highest-ends.ts';
import { Ingest } from '../ingest.ts';
import { communicatorMetrics } from '../metrics.ts';
import type { NumberRanges } from '../number-ranges.ts';
import { parseFrame } from '../parse-frame.ts';
import type { EpochRow } from './epoch-accounts.ts';
import type { SpoolCall, SpoolCalls } from './requests.ts';
import { Spool } from './spool.ts';
import { SpoolThread } from './spool-thread.ts';

export const IN_FLIGHT_MAX = 64;
const PARTITIONS = 3;

export interface SpoolingOptions {
  readonly path: string;
  readonly epoch: string;
  readonly log: ScriptedAppender;
  readonly bytesMax?: number;
  readonly ageMaxMs?: number;
  readonly unsyncedMax?: number;
  readonly nowMs?: number;
}

export interface Closing {
  readonly row: EpochRow;
  readonly spooled: NumberRanges;
  /** Of the epoch, and of the process that closes it. */
  readonly ends: readonly EndOffset[];
}

/** An event, and where it lies. */
export type Found = IncomingEvent & { readonly partition: number; readonly offset: number };

export class Spooling {
  readonly epoch: string;
  readonly health = new Health();
  readonly ingest: Ingest;
  readonly accumulator: Accumulator;
  nowMs = 1_700_000_000_000;
  readonly metrics = communicatorMetrics(new Registry());
  readonly pauses: ('pause' | 'resume')[] = [];
  readonly closings: Closing[] = [];
  /** Calls that are answered by a failure, as of a disk that is full. */
  readonly failing = new Set<SpoolCall>();
  /** Calls that are not answered before this is, as of a disk that hangs. */
  readonly hanging = new Map<SpoolCall, Promise<void>>();
  readonly calls: SpoolCall[] = [];
  /** What is read of the disk is not there before this is. */
  reads = Promise.resolve();
  /** Ids of groups that come back from the disk as something else. */
  readonly damage = new Set<number>();
  spool!: Spool;
  readonly #thread: SpoolThread;
  #isKilled = false;

  private constructor(options: SpoolingOptions, codec: Codec) {
    const { epoch, log, path } = options;
    this.epoch = epoch;
    this.nowMs = options.nowMs ?? this.nowMs;
    this.#thread = new SpoolThread(path, () => undefined);
    const logger = pino({ level: 'silent' });
    const append = async (to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> => {
      if (this.#isKilled) return await new Promise(() => undefined);
      const answer = await log.append(to, records);
      return this.#isKilled ? await new Promise(() => undefined) : answer;
    };
    this.accumulator = new Accumulator({
      appender: { append },
      logger,
      batchRecordsMax: 10,
      batchBytesMax: 500_000,
      bytesMax: 10_000_000,
      recordBytesMax: 1_000_000,
    });
    this.ingest = new Ingest({
      gatewayEpoch: epoch,
      inFlightMax: IN_FLIGHT_MAX,
      accumulator: this.accumulator,
      codec,
      partitions: new Map([TOPIC.incoming, TOPIC.rejected, TOPIC.sources].map((topic) => [topic, PARTITIONS])),
      clock: { nowMs: () => this.nowMs },
      logger,
      metrics: communicatorMetrics(new Registry()),
      pausePeers: () => undefined,
      resumePeers: () => undefined,
    });
  }

  static async open(options: SpoolingOptions): Promise<Spooling> {
    const codec = new Codec('http://registry');
    await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
    const opened = new Spooling(options, codec);
    const { bytesMax = 10_000_000, ageMaxMs = 1_000_000, unsyncedMax = IN_FLIGHT_MAX } = options;
    opened.spool = await Spool.open({
      thread: { call: (call, asked, transfer) => opened.#call(call, asked, transfer) },
      ingest: opened.ingest,
      gatewayEpoch: opened.epoch,
      bytesMax,
      ageMaxMs,
      unsyncedMax,
      clock: { nowMs: () => opened.nowMs },
      logger: pino({ level: 'silent' }),
      health: opened.health,
      metrics: opened.metrics,
      // Those who are to wait are there only when the spool is.
      pauseSources: () => {
        if ((opened.spool as Spool | undefined) === undefined) throw new Error('nobody is there yet who could wait');
        opened.pauses.push('pause');
      },
      resumeSources: () => opened.pauses.push('resume'),
      onRecovered: async (row, spooled) => {
        if (opened.#isKilled) await new Promise(() => undefined);
        opened.closings.push({ row, spooled, ends: highestEnds(row.ends, opened.ingest.ends) });
      },
    });
    return opened;
  }

  /** A frame of a source that cannot send it again. */
  add(source: string, number: number, padding = 0): void {
    const fields = { event: 'message', id: `m${number}`, chat: source, content: 'x'.repeat(padding) };
    const bytes = Buffer.from(JSON.stringify(fields));
    this.spool.add({ bytes, isBinary: false }, { source, connection: 'one' });
  }

  /** A frame of a source that sends again what it was not told of. */
  receive(source: string): void {
    const frame = { bytes: Buffer.from('{"event":"typing"}'), isBinary: false };
    const onSettled = (): void => undefined;
    const from = { source, connection: 'two' };
    this.ingest.receive({ frame, parsed: parseFrame(frame), from, place: null, onSettled });
  }

  /** Ticks until nothing waits, and what the thread was asked for by then is done. */
  async settle(): Promise<void> {
    await this.spool.synced();
    do {
      this.spool.tick();
      await new Promise((resolve) => setTimeout(resolve, 2));
    } while (this.spool.isBehind || this.ingest.inMemory > 0);
    for (let round = 0; round < 20; round += 1) {
      this.spool.tick();
      await this.#thread.call('state', {});
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What was asked of the thread is done, nothing else is, and nobody is told. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    await this.#thread.stop();
  }

  async end(): Promise<void> {
    await this.spool.stop();
    await this.spool.closed();
    await this.kill();
  }

  async #call<C extends SpoolCall>(
    call: C,
    asked: SpoolCalls[C]['asked'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<SpoolCalls[C]['answer']> {
    if (this.#isKilled) return await new Promise(() => undefined);
    this.calls.push(call);
    if (this.failing.has(call)) throw new Error('database or disk is full');
    await this.hanging.get(call);
    const answer = await this.#thread.call(call, asked, transfer);
    if (call === 'read') {
      await this.reads;
      const groups = answer as SpoolCalls['read']['answer'];
      return groups.map((one) => (this.damage.has(one.id) ? { ...one, body: undefined } : one)) as typeof answer;
    }
    return this.#isKilled ? await new Promise(() => undefined) : answer;
  }
}

/** Every event of a log, partition by partition in order; the first of each that is there more than once. */
export async function eventsOf(log: ScriptedAppender): Promise<readonly Found[]> {
  const codec = new Codec('http://registry');
  const found = new Map<string, Found>();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (const [offset, { value }] of log.log({ topic: TOPIC.incoming, partition }).entries()) {
      const decoded = await codec.decode(TOPIC.incoming, value);
      if (!decoded.ok) throw decoded.error;
      const name = `${decoded.value.gatewayEpoch}/${decoded.value.ingestSeq}`;
      if (!found.has(name)) found.set(name, { ...decoded.value, partition, offset });
    }
  }
  return [...found.values()];
}
