// What the audit needs to know about completeness: opened, progress and closed checkpoints on pmc.sources, one account for
// the gateway epoch (source null) and one line per source that opens or closes. Progress claims only what is settled, with
// the end offsets to read before judging; it is written every second while something changes and every few seconds anyway,
// so that silence means that the epoch is dead.
import type { Accumulator, RecordOutcome } from '../../kafka/accumulator.ts';
import type { Codec } from '../../kafka/codec.ts';
import { offsetToJson } from '../../kafka/offsets.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import type { CheckpointKind, SourceCheckpoint } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import type { Ingest } from './ingest.ts';

export interface CheckpointOptions {
  readonly instance: string;
  readonly gatewayEpoch: string;
  readonly inFlightMax: number;
  readonly ingest: Ingest;
  readonly accumulator: Accumulator;
  readonly codec: Codec;
  readonly partitions: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TICK_MS = 1_000;
const IDLE_TICKS = 5;

export class Checkpoints {
  readonly #options: CheckpointOptions;
  #timer: NodeJS.Timeout | undefined;
  /** At most one progress checkpoint waits for the log: while it is away they would pile up and say the same. */
  #isProgressing = false;
  #writtenUpTo = 0;
  #quietTicks = 0;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** Writes `opened` and waits for the log to have it: no frame may be received in an epoch that the log does not know. */
  async open(): Promise<void> {
    const answer = await this.#write('opened', null, null);
    if (answer.outcome === 'rejected') throw answer.error;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  source(kind: 'opened' | 'closed', source: string, reason: string | null): void {
    void this.#write(kind, source, reason);
  }

  /** The last word of this epoch: call it when nothing is in flight any more. */
  async close(reason: string): Promise<void> {
    clearInterval(this.#timer);
    await this.#write('closed', null, reason);
  }

  #tick(): void {
    if (this.#isProgressing) return;
    const { settledUpTo } = this.#options.ingest.settlement;
    this.#quietTicks += 1;
    if (settledUpTo === this.#writtenUpTo && this.#quietTicks < IDLE_TICKS) return;
    this.#quietTicks = 0;
    this.#writtenUpTo = settledUpTo;
    void this.#progress();
  }

  async #progress(): Promise<void> {
    this.#isProgressing = true;
    await this.#write('progress', null, null);
    this.#isProgressing = false;
  }

  async #write(kind: CheckpointKind, source: string | null, reason: string | null): Promise<RecordOutcome> {
    const { ingest, codec, accumulator, instance, gatewayEpoch, inFlightMax, partitions, clock, logger } =
      this.#options;
    const checkpoint: SourceCheckpoint = {
      kind,
      source,
      gatewayEpoch,
      instance,
      at: clock.nowMs(),
      settledUpTo: ingest.settlement.settledUpTo,
      received: ingest.settlement.received,
      inFlightMax,
      ends: ingest.ends.map(({ topic, partition, offset }) => ({ topic, partition, offset: offsetToJson(offset) })),
      settledElsewhere: source === null ? [...ingest.settlement.takeElsewhere()] : [],
      reason,
    };
    const key = source ?? gatewayEpoch;
    const answer = await accumulator.append(
      { topic: TOPIC.sources, partition: partitionFor(key, partitions) },
      {
        key,
        value: codec.encode(TOPIC.sources, checkpoint),
        headers: { 'gateway-epoch': gatewayEpoch },
        timestampMs: checkpoint.at,
      },
    );
    if (answer.outcome === 'rejected') {
      logger.error({ kind, source, error: answer.error.message }, 'communicator.checkpoint.refused');
      ingest.settlement.putBackElsewhere(checkpoint.settledElsewhere);
    }
    return answer;
  }
}
