// From frame to log. The order of effects is: ingestSeq at receipt (before any await) → durable in the spool, where the source
// cannot send again → append acknowledged by all in-sync replicas → settled, and its peer told. A crash before the acknowledgement
// leaves the number open: what is in the spool is appended by the next process, what a peer was not told of it sends again.
//
// Reaching half of what may be in memory, or the accumulator's bytes, pauses the peers; nothing is dropped. What a paused
// socket had already read still arrives, and one chunk of it can hold thousands of small frames: above `inFlightMax` a frame
// waits here without a number, as if the socket still had it, so that the bound of the open tail always holds.
import type { Accumulator, BatchOutcome } from '../../kafka/accumulator.ts';
import type { Codec } from '../../kafka/codec.ts';
import type { AppendRecord, TopicPartition } from '../../kafka/log.ts';
import { offsetToJson } from '../../kafka/offsets.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { payloadOf } from '../../kafka/write-event.ts';
import type { EndOffset, RejectedFrame } from '../../schemas/generated.ts';
import { PROTOCOL_ERROR } from '../../schemas/protocol/codes.ts';
import { REFUSED_BY_BROKER } from '../../schemas/settled-elsewhere.ts';
import { TOPIC, type TopicName } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { keyOf, type Place, type Receipt, sha256, toEvent, toRejected } from './envelope.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import type { Frame, Parsed, Refusal } from './parse-frame.ts';
import type { Outcome } from './recent-events.ts';
import { Settlement } from './settlement.ts';

export interface Origin {
  readonly source: string;
  readonly connection: string;
}

/** A frame that came in, with what its peer wants to be told. */
export interface Arrived {
  readonly frame: Frame;
  readonly parsed: Parsed;
  readonly from: Origin;
  readonly place: Place | null;
  /** Of the frame's bytes, where it is known already. */
  readonly sha256?: string | undefined;
  readonly onSettled: (outcome: Outcome) => void;
}

/** A partition that this epoch appends to. */
interface Target {
  readonly to: TopicPartition;
  /** The last offset that it was given there. */
  last: number | undefined;
}

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
  readonly pausePeers: () => void;
  readonly resumePeers: () => void;
}

export class Ingest {
  readonly settlement = new Settlement();
  readonly #options: IngestOptions;
  /** All partitions of each topic that was appended to. */
  readonly #targets = new Map<TopicName, readonly Target[]>();
  /** Arrived above the bound, oldest first; at most what the paused sockets had read. */
  readonly #held: Arrived[] = [];
  #inMemory = 0;
  #pausedAtMs: number | undefined;
  appendedTotal = 0;
  rejectedTotal = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#pausedAtMs !== undefined;
  }

  /** Frames on their way to the log, in memory. */
  get inMemory(): number {
    return this.#inMemory;
  }

  /** Whether a frame that lies in the spool may be read into memory. */
  get hasRoom(): boolean {
    return this.#inMemory * 2 < this.#options.inFlightMax && !this.#options.accumulator.full;
  }

  /** Throws PMC_KAFKA_UNREACHABLE where one more frame would have to wait without a number. */
  assertRoom(): void {
    if (this.#isFull) throw new PmcError('PMC_KAFKA_UNREACHABLE', 'the log does not keep up, and memory is full');
  }

  /** One past the last offset appended by this epoch, where it has appended. */
  get ends(): readonly EndOffset[] {
    const targets = [...this.#targets.values()].flat();
    return targets.flatMap(({ to, last }) => (last === undefined ? [] : { ...to, offset: last + 1 }));
  }

  /** Takes a frame, or holds it behind those that are held already: order is kept. */
  receive(arrived: Arrived): void {
    if (this.#isFull) this.#held.push(arrived);
    else this.append(arrived, this.receipt(arrived.from));
  }

  get #isFull(): boolean {
    return this.#held.length > 0 || this.#inMemory >= this.#options.inFlightMax;
  }

  /** The next number; from now on the frame is accounted for. */
  receipt({ source, connection }: Origin): Receipt {
    const { clock, gatewayEpoch, metrics } = this.#options;
    metrics.framesReceived.inc();
    return { source, connection, gatewayEpoch, ingestSeq: this.settlement.next(), receivedAt: clock.nowMs() };
  }

  /** A frame that gets a number and goes to no topic, by name. */
  settleElsewhere(from: Origin, reason: string): void {
    this.settlement.settleElsewhere(this.receipt(from).ingestSeq, reason);
    this.#options.metrics.settledElsewhere.inc({ reason });
  }

  /**
   * About once a second. Checkpoints lie in the same memory, and no frame comes or settles with them: they can fill it while peers are
   * read, and be the last to leave it while peers are paused.
   */
  tick(): void {
    this.#slowDown();
    this.#speedUp();
  }

  /** Puts a frame that has its number in the queue of its partition. Also one of an earlier epoch, out of the spool. */
  append(arrived: Arrived, receipt: Receipt): void {
    this.#inMemory += 1;
    if (!arrived.parsed.ok) return this.#appendRejected(arrived, receipt, arrived.parsed.refusal);
    // What is not taken along here is garbage at once: thousands of frames may be on their way.
    const { frame, place, onSettled } = arrived;
    const startedMs = performance.now();
    const event = toEvent(arrived.parsed.fields, frame, receipt, place);
    const value = this.#options.codec.encode(TOPIC.incoming, event);
    const sizeBytes = frame.bytes.length;
    const digest = arrived.sha256 ?? sha256(frame.bytes);
    const key = keyOf(event);
    const target = this.#target(TOPIC.incoming, key);
    this.#options.accumulator.put(target.to, recordOf(key, value, receipt, digest), (answer, index) => {
      this.#options.metrics.acceptToAck.observe((performance.now() - startedMs) / 1_000);
      if (answer.outcome === 'rejected') {
        const refusal = { code: PROTOCOL_ERROR.invalid.code, reason: answer.error.message };
        // Not the frame's own bytes: they would keep all that its socket had read with it. What was an event was a text.
        const again = { bytes: payloadOf(value, sizeBytes), isBinary: false };
        return this.#appendRejected({ frame: again, place, onSettled }, receipt, refusal);
      }
      const offset = appended(target, answer, index);
      this.appendedTotal += 1;
      this.#settled(receipt);
      onSettled({ kind: 'logged', partition: target.to.partition, offset });
      this.#speedUp();
    });
    this.#slowDown();
  }

  #appendRejected(
    { frame, place, onSettled }: Pick<Arrived, 'frame' | 'place' | 'onSettled'>,
    receipt: Receipt,
    refusal: Refusal,
  ): void {
    const rejected = toRejected(frame, receipt, refusal, place);
    // A copy, which is here until the log has answered: the frame's own bytes would keep all that its socket had read with it.
    this.#putRejected({ ...rejected, raw: Buffer.from(rejected.raw) }, onSettled);
  }

  #putRejected(rejected: RejectedFrame, onSettled: Arrived['onSettled']): void {
    const { codec, metrics, logger } = this.#options;
    const { source, connection, ingestSeq, code, reason, raw, sizeBytes } = rejected;
    const target = this.#target(TOPIC.rejected, source);
    const value = codec.encode(TOPIC.rejected, rejected);
    const record = recordOf(source, value, rejected, rejected.sha256.toString('hex'));
    this.#options.accumulator.put(target.to, record, (answer, index) => {
      // Nobody here knows what the topic allows. Length and hash still say what the whole of it was.
      if (answer.outcome === 'rejected' && answer.error.code === 'PMC_RECORD_TOO_LARGE' && raw.length > 0)
        return this.#putRejected({ ...rejected, raw: raw.subarray(0, Math.floor(raw.length / 2)) }, onSettled);
      if (answer.outcome === 'acked') {
        appended(target, answer, index);
        this.rejectedTotal += 1;
        metrics.framesRejected.inc({ reason: String(code) });
        logger.info({ source, connection, ingestSeq, code, reason, sizeBytes }, 'communicator.frame.rejected');
        this.#settled(rejected);
        onSettled({ kind: 'refused', code, reason });
      } else {
        metrics.settledElsewhere.inc({ reason: REFUSED_BY_BROKER });
        const error = describeError(answer.error);
        logger.error({ source, connection, ingestSeq, code, reason, sizeBytes, error }, 'communicator.frame.nowhere');
        this.#settled(rejected, REFUSED_BY_BROKER);
        onSettled({ kind: 'nowhere' });
      }
      this.#speedUp();
    });
    this.#slowDown();
  }

  #settled({ gatewayEpoch, ingestSeq }: Receipt, elsewhere?: string): void {
    this.#inMemory -= 1;
    // The account of an earlier epoch is kept by the spool.
    if (gatewayEpoch !== this.#options.gatewayEpoch) return;
    if (elsewhere === undefined) this.settlement.settle(ingestSeq);
    else this.settlement.settleElsewhere(ingestSeq, elsewhere);
  }

  #target(topic: TopicName, key: string): Target {
    const targets = this.#targets.get(topic) ?? this.#newTargets(topic);
    return targets[partitionFor(key, targets.length)] as Target;
  }

  #newTargets(topic: TopicName): readonly Target[] {
    const count = this.#options.partitions.get(topic);
    if (count === undefined) throw new Error(`the number of partitions of ${topic} is not known`);
    const targets = Array.from({ length: count }, (_, partition) => ({ to: { topic, partition }, last: undefined }));
    this.#targets.set(topic, targets);
    return targets;
  }

  #slowDown(): void {
    const { inFlightMax, accumulator, metrics, logger, pausePeers } = this.#options;
    if (this.isPaused || (this.#inMemory * 2 < inFlightMax && !accumulator.full)) return;
    this.#pausedAtMs = performance.now();
    logger.debug({ inMemory: this.#inMemory }, 'communicator.peers.paused');
    metrics.inFlight.set(this.#inMemory);
    pausePeers();
  }

  #speedUp(): void {
    const { inFlightMax, accumulator, metrics, resumePeers } = this.#options;
    while (this.#inMemory < inFlightMax) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.append(next, this.receipt(next.from));
    }
    if (this.#pausedAtMs === undefined || this.#inMemory * 4 > inFlightMax || accumulator.full) return;
    metrics.inFlight.set(this.#inMemory);
    metrics.backpressure.inc((performance.now() - this.#pausedAtMs) / 1_000);
    this.#pausedAtMs = undefined;
    resumePeers();
  }
}

function recordOf(key: string, value: Buffer, receipt: Receipt, digest: string): AppendRecord {
  const headers = {
    source: receipt.source,
    'gateway-epoch': receipt.gatewayEpoch,
    'ingest-seq': String(receipt.ingestSeq),
    sha256: digest,
  };
  // Never the sender's clock: a broker may refuse or expire a record by its timestamp.
  return { key, value, headers, timestampMs: receipt.receivedAt };
}

/** Returns the record's offset. */
function appended(target: Target, { baseOffset }: Extract<BatchOutcome, { outcome: 'acked' }>, index: number): number {
  const offset = offsetToJson(baseOffset) + index;
  if (target.last === undefined || offset > target.last) target.last = offset;
  killPoint('communicator.appended');
  return offset;
}
