// From frame to log. The order of effects is: ingestSeq at receipt (before any await) → append acknowledged by all in-sync
// replicas → settled. A crash before the acknowledgement leaves the number open: the audit sees the epoch end without a
// closing checkpoint and names the open tail, at most `inFlightMax` frames.
//
// Reaching half of what may be in flight, or the accumulator's bytes, pauses the sources; nothing is dropped. What a paused
// socket had already read still arrives, and one chunk of it can hold thousands of small frames: above `inFlightMax` a frame
// waits here without a number, as if the socket still had it, so that the bound of the open tail always holds.
import type { Accumulator, RecordOutcome } from '../../kafka/accumulator.ts';
import type { Codec } from '../../kafka/codec.ts';
import type { AppendRecord, TopicPartition } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import type { IncomingEvent, RejectedFrame } from '../../schemas/generated.ts';
import { REFUSED_BY_BROKER } from '../../schemas/settled-elsewhere.ts';
import { TOPIC, type TopicName } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import { type Frame, keyOf, REJECTION, type Receipt, rejectedFrame, toEnvelope } from './envelope.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import { Settlement } from './settlement.ts';

export interface IngestOptions {
  readonly gatewayEpoch: string;
  readonly inFlightMax: number;
  readonly accumulator: Accumulator;
  readonly codec: Codec;
  /** Number of partitions by topic. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommunicatorMetrics;
  pauseSources(): void;
  resumeSources(): void;
}

interface Origin {
  readonly source: string;
  readonly connection: string;
}

export class Ingest {
  readonly settlement = new Settlement();
  readonly #options: IngestOptions;
  /** One past the last offset appended by this epoch, per topic-partition. */
  readonly #ends = new Map<string, TopicPartition & { offset: bigint }>();
  /** Arrived above the bound, oldest first; at most what the paused sockets had read. */
  readonly #held: { readonly frame: Frame; readonly from: Origin }[] = [];
  #pausedAtMs: number | undefined;
  appendedTotal = 0;
  rejectedTotal = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  get paused(): boolean {
    return this.#pausedAtMs !== undefined;
  }

  get ends(): readonly (TopicPartition & { offset: bigint })[] {
    return [...this.#ends.values()];
  }

  /** Takes a frame, or holds it behind those that are held already: order is kept. */
  receive(frame: Frame, from: Origin): void {
    if (this.#held.length > 0 || this.settlement.inFlight >= this.#options.inFlightMax)
      this.#held.push({ frame, from });
    else this.#take(frame, from);
  }

  /** Synchronous up to the frame's number and its place in the partition's queue. */
  #take(frame: Frame, from: Origin): void {
    const { clock, gatewayEpoch, metrics } = this.#options;
    const receipt: Receipt = { ...from, gatewayEpoch, ingestSeq: this.settlement.next(), receivedAt: clock.nowMs() };
    const startedMs = performance.now();
    metrics.framesReceived.inc({ channel: 'websocket' });
    const enveloped = toEnvelope(frame, receipt);
    const settled =
      enveloped.kind === 'event'
        ? this.#appendEvent(enveloped.event, enveloped.sha256, frame, receipt)
        : this.#appendRejected(enveloped.rejected);
    void settled.then(() => metrics.acceptToAck.observe((performance.now() - startedMs) / 1_000));
    this.#slowDown();
  }

  async #appendEvent(event: IncomingEvent, sha256: Buffer, frame: Frame, receipt: Receipt): Promise<void> {
    const value = this.#options.codec.encode(TOPIC.incoming, event);
    const answer = await this.#append(TOPIC.incoming, keyOf(event), value, receipt, sha256);
    if (answer.outcome === 'acked') {
      this.appendedTotal += 1;
      this.settlement.settle(receipt.ingestSeq);
    } else await this.#appendRejected(rejectedFrame(frame, receipt, REJECTION.logRefused, answer.error.message));
    this.#speedUp();
  }

  async #appendRejected(rejected: RejectedFrame): Promise<void> {
    const value = this.#options.codec.encode(TOPIC.rejected, rejected);
    const answer = await this.#append(TOPIC.rejected, rejected.source, value, rejected, rejected.sha256);
    this.rejectedTotal += 1;
    this.#options.metrics.framesRejected.inc({ reason: String(rejected.code) });
    const { source, connection, ingestSeq, code, reason, sizeBytes } = rejected;
    this.#options.logger.info(
      { source, connection, ingestSeq, code, reason, sizeBytes },
      'communicator.frame.rejected',
    );
    if (answer.outcome === 'acked') this.settlement.settle(rejected.ingestSeq);
    else this.settlement.settleElsewhere(rejected.ingestSeq, REFUSED_BY_BROKER);
    this.#speedUp();
  }

  async #append(
    topic: TopicName,
    key: string,
    value: Buffer,
    receipt: Receipt,
    sha256: Buffer,
  ): Promise<RecordOutcome> {
    const count = this.#options.partitions.get(topic);
    if (count === undefined) throw new Error(`the number of partitions of ${topic} is not known`);
    const to: TopicPartition = { topic, partition: partitionFor(key, count) };
    const record: AppendRecord = {
      key,
      value,
      headers: {
        source: receipt.source,
        'gateway-epoch': receipt.gatewayEpoch,
        'ingest-seq': String(receipt.ingestSeq),
        sha256: sha256.toString('hex'),
      },
      // Never the sender's clock: a broker may refuse or expire a record by its timestamp.
      timestampMs: receipt.receivedAt,
    };
    const answer = await this.#options.accumulator.append(to, record);
    if (answer.outcome === 'acked') {
      const name = `${topic}-${to.partition}`;
      const before = this.#ends.get(name)?.offset ?? 0n;
      if (answer.offset >= before) this.#ends.set(name, { ...to, offset: answer.offset + 1n });
    }
    return answer;
  }

  #slowDown(): void {
    const { inFlight } = this.settlement;
    this.#options.metrics.inFlight.set(inFlight);
    if (this.paused || (inFlight * 2 < this.#options.inFlightMax && !this.#options.accumulator.full)) return;
    this.#pausedAtMs = performance.now();
    this.#options.logger.debug({ inFlight }, 'communicator.sources.paused');
    this.#options.pauseSources();
  }

  #speedUp(): void {
    while (this.settlement.inFlight < this.#options.inFlightMax) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.#take(next.frame, next.from);
    }
    const { inFlight } = this.settlement;
    this.#options.metrics.inFlight.set(inFlight);
    if (this.#pausedAtMs === undefined || inFlight * 4 > this.#options.inFlightMax || this.#options.accumulator.full)
      return;
    this.#options.metrics.backpressure.inc((performance.now() - this.#pausedAtMs) / 1_000);
    this.#pausedAtMs = undefined;
    this.#options.resumeSources();
  }
}
