// What the disk is told about once a second, whether frames come or not: how far this epoch is, which groups are on the log, and
// where streams are. Numbers that were settled elsewhere since the log was told last are named: a successor that closes this
// epoch would call them settled otherwise, and nobody would know where they are.
import type { Clock } from '../../../service/clock.ts';
import { describeError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import type { Ingest } from '../ingest.ts';
import type { EpochNote } from './epoch-accounts.ts';
import type { MovedPositions } from './moved-positions.ts';
import type { SpoolThread } from './spool-thread.ts';

export interface EpochNotesOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly ingest: Pick<Ingest, 'settlement' | 'ends'>;
  readonly gatewayEpoch: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Ranges that a note names; of more of them it says only what comes before the first that it leaves out. */
const ELSEWHERE_MAX = 10_000;

export class EpochNotes {
  readonly #options: EpochNotesOptions;
  readonly #moved: MovedPositions;
  #noted = '';
  #notedUpTo = 0;

  constructor(options: EpochNotesOptions, moved: MovedPositions) {
    this.#options = options;
    this.#moved = moved;
  }

  /** Whoever finds this spool knows of every number up to this one that it is on the log, or has its name. */
  get safeUpTo(): number {
    return Math.max(this.#notedUpTo, this.#options.ingest.settlement.toldUpTo);
  }

  /** A failure leaves what was noted; the next one says more. */
  async write(forgetUpTo: number): Promise<void> {
    const { thread, clock, logger } = this.#options;
    const note = this.#note();
    const { settledUpTo } = note;
    const positions = this.#moved.all();
    const text = `${settledUpTo} ${forgetUpTo}`;
    if (positions.length === 0 && text === this.#noted) return;
    try {
      await thread.call('note', { note, forgetUpTo, positions, nowMs: clock.nowMs() });
      this.#moved.saved(positions);
      this.#noted = text;
      this.#notedUpTo = settledUpTo;
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'communicator.spool.not-noted');
    }
  }

  /** The epoch is closed on the log. Where that fails the next process closes it once more, and the audit goes by the first word. */
  async remove(): Promise<void> {
    const { thread, gatewayEpoch: epoch, logger } = this.#options;
    try {
      await thread.call('closeEpoch', { epoch });
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'communicator.epoch.not-removed');
    }
  }

  #note(): EpochNote {
    const { ingest, gatewayEpoch: epoch } = this.#options;
    const { settlement, ends } = ingest;
    const untold = settlement.untold.toSorted((a, b) => a.from - b.from);
    const leftOut = untold[ELSEWHERE_MAX]?.from ?? Number.POSITIVE_INFINITY;
    const settledUpTo = Math.min(settlement.settledUpTo, leftOut - 1);
    const elsewhere = untold.filter(({ to }) => to <= settledUpTo);
    return { epoch, settledUpTo, numberedUpTo: settledUpTo, ends, elsewhere };
  }
}
