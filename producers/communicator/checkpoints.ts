// What the audit needs to know about completeness, on pmc.sources: one account for the gateway epoch (source null), and lines for
// each source that opens, closes, misses numbers or has come so far. Progress claims only what is settled, with the end
// offsets to read before judging; it is written every second while something changes and every few seconds anyway, so that
// silence means that the epoch is dead.
import type { Accumulator, RecordOutcome } from '../../kafka/accumulator.ts';
import type { Codec } from '../../kafka/codec.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import type { CheckpointKind, SourceCheckpoint } from '../../schemas/generated.ts';
import { CLOSED_BY_SUCCESSOR, OPEN_END, SETTLED_ELSEWHERE } from '../../schemas/settled-elsewhere.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { highestEnds } from './highest-ends.ts';
import type { Ingest } from './ingest.ts';
import type { NumberRanges } from './number-ranges.ts';
import type { EpochRow } from './spool/epoch-accounts.ts';
import type { GapEvent, StreamPosition } from './streams.ts';

export interface CheckpointOptions {
  readonly instance: string;
  readonly gatewayEpoch: string;
  readonly inFlightMax: number;
  readonly ingest: Pick<Ingest, 'settlement' | 'ends'>;
  /** The numbers that may lie in the spool and nowhere else. */
  readonly spooled: () => { readonly from: number; readonly to: number } | undefined;
  readonly accumulator: Accumulator;
  readonly codec: Codec;
  /** Of its topic; asked when the log is there. */
  readonly partitions: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Said = Partial<SourceCheckpoint> & Pick<SourceCheckpoint, 'kind'>;

const IDLE_TICKS = 5;
/** Settled elsewhere, in one checkpoint: some 40 KB, for as many as a long outage leaves make a record that no broker takes. */
const RANGES_MAX = 1_000;

export class Checkpoints {
  readonly #options: CheckpointOptions;
  /** At most one progress checkpoint waits for the log: while it is away they would pile up and say the same. */
  #progressing: Promise<void> | undefined;
  #writtenUpTo = 0;
  #quietTicks = 0;
  #isOpen = false;
  /** What became last of each source's connection while the log did not know this epoch. */
  readonly #early = new Map<string, SourceCheckpoint>();

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** Writes `opened` and waits for the log to have it: no frame may be appended in an epoch that the log does not know. */
  async open(): Promise<void> {
    const answer = await this.#tell('opened');
    if (answer.outcome === 'rejected') throw answer.error;
    this.#isOpen = true;
    for (const checkpoint of this.#early.values()) void this.#write(checkpoint);
    this.#early.clear();
  }

  /** A connection of a source. */
  source(kind: 'opened' | 'closed', source: string, reason: string | null): void {
    const checkpoint = this.#base({ kind, source, reason });
    if (this.#isOpen) void this.#write(checkpoint);
    else this.#early.set(source, checkpoint);
  }

  /** A life of a source's counter. */
  stream(kind: 'opened' | 'closed', source: string, stream: string, streamEpoch: string): void {
    void this.#write(this.#base({ kind, source, stream, streamEpoch }));
  }

  /** Resolves when the log has it, or refuses it for good, which is in the log of this process then. */
  async gap({ kind, source, stream, epoch, from, to }: GapEvent): Promise<void> {
    await this.#write(this.#base({ kind, source, stream, streamEpoch: epoch, from, to }));
  }

  position({ source, stream, epoch, upto }: StreamPosition): void {
    void this.#write(this.#base({ kind: 'progress', source, stream, streamEpoch: epoch, upto }));
  }

  /** The last word of this epoch: call it when nothing is in flight any more. Throws what the log refuses it with. */
  async close(reason: string): Promise<void> {
    await this.#progressing;
    const answer = await this.#account('closed', reason);
    if (answer.outcome === 'rejected') throw answer.error;
  }

  /**
   * The last word of an epoch whose process could not say it, once all that the spool had of it is on the log. Numbers that are
   * not of the spool were of peers that were not told that their event is safe. Above the spool's last number
   * nobody knows: at most `inFlightMax` were open. Throws what the log refuses it with.
   */
  async closeFor(
    { epoch, settledUpTo, numberedUpTo, hasSpooled, ends, elsewhere }: EpochRow,
    spooled: NumberRanges,
  ): Promise<void> {
    const unacknowledged = hasSpooled
      ? spooled.without(settledUpTo + 1, numberedUpTo)
      : [{ from: settledUpTo + 1, to: OPEN_END }];
    const named = [
      ...elsewhere,
      ...unacknowledged.map((range) => ({ ...range, reason: SETTLED_ELSEWHERE.unacknowledged })),
    ];
    const upTo = hasSpooled ? numberedUpTo : settledUpTo;
    // What a spool had of it was appended by this process, too.
    const allEnds = hasSpooled ? highestEnds(ends, this.#options.ingest.ends) : ends;
    const of = { gatewayEpoch: epoch, ends: allEnds, reason: CLOSED_BY_SUCCESSOR };
    while (named.length > RANGES_MAX) {
      const settledElsewhere = named.splice(0, RANGES_MAX);
      await this.#last({ ...of, kind: 'progress', received: upTo, settledElsewhere });
    }
    await this.#last({
      ...of,
      kind: 'closed',
      settledUpTo: upTo,
      received: hasSpooled ? OPEN_END : upTo,
      settledElsewhere: named,
    });
  }

  async #last(said: Said): Promise<void> {
    const answer = await this.#write(this.#base(said));
    if (answer.outcome === 'rejected') throw answer.error;
  }

  /** To be called once a second. */
  tick(): void {
    if (!this.#isOpen || this.#progressing !== undefined) return;
    const { settledUpTo } = this.#options.ingest.settlement;
    this.#quietTicks += 1;
    if (settledUpTo === this.#writtenUpTo && this.#quietTicks < IDLE_TICKS) return;
    this.#quietTicks = 0;
    this.#writtenUpTo = settledUpTo;
    this.#progressing = this.#progress();
  }

  async #progress(): Promise<void> {
    await this.#account('progress');
    this.#progressing = undefined;
  }

  /** What does not fit into it goes ahead, in checkpoints that claim no more than what was told. */
  async #account(kind: CheckpointKind, reason: string | null = null): Promise<RecordOutcome> {
    while (this.#options.ingest.settlement.untaken > RANGES_MAX) {
      const answer = await this.#tell('progress');
      if (answer.outcome === 'rejected') return answer;
    }
    return await this.#tell(kind, reason);
  }

  /** What it says of numbers settled elsewhere is told when the log has it; where the log refuses it, the next one says it. */
  async #tell(kind: CheckpointKind, reason: string | null = null): Promise<RecordOutcome> {
    const { ingest, spooled } = this.#options;
    const { settlement, ends } = ingest;
    const settledElsewhere = [...settlement.takeElsewhere(RANGES_MAX)];
    const { received, untaken } = settlement;
    const settledUpTo = untaken === 0 ? settlement.settledUpTo : settlement.toldUpTo;
    const range = spooled();
    const spool = { spoolFrom: range?.from ?? null, spoolTo: range?.to ?? null };
    const answer = await this.#write(
      this.#base({ kind, reason, settledUpTo, received, ends, settledElsewhere, ...spool }),
    );
    if (answer.outcome === 'rejected') settlement.putBackElsewhere();
    else settlement.toldElsewhere();
    return answer;
  }

  #base(said: Said): SourceCheckpoint {
    const { instance, gatewayEpoch, inFlightMax, clock } = this.#options;
    return {
      ...BLANK_CHECKPOINT,
      gatewayEpoch,
      instance,
      at: clock.nowMs(),
      inFlightMax,
      ...said,
    };
  }

  async #write(checkpoint: SourceCheckpoint): Promise<RecordOutcome> {
    const { codec, accumulator, partitions, logger } = this.#options;
    const { kind, source, gatewayEpoch } = checkpoint;
    const key = source ?? gatewayEpoch;
    const answer = await accumulator.append(
      { topic: TOPIC.sources, partition: partitionFor(key, partitions()) },
      {
        key,
        value: codec.encode(TOPIC.sources, checkpoint),
        headers: { 'gateway-epoch': gatewayEpoch },
        timestampMs: checkpoint.at,
      },
    );
    killPoint('communicator.checkpointed');
    if (answer.outcome === 'rejected') {
      logger.error({ kind, source, error: answer.error.message }, 'communicator.checkpoint.refused');
    }
    return answer;
  }
}
