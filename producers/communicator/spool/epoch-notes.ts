// What the disk is told about once a second, whether frames come or not: how far this epoch is, which groups are on the log, and
// where streams are.
import type { Clock } from '../../../service/clock.ts';
import { describeError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import type { Ingest } from '../ingest.ts';
import type { MovedPositions } from './moved-positions.ts';
import type { SpoolThread } from './spool-thread.ts';

export interface EpochNotesOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly ingest: Pick<Ingest, 'settlement' | 'ends'>;
  readonly gatewayEpoch: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class EpochNotes {
  readonly #options: EpochNotesOptions;
  readonly #moved: MovedPositions;
  #noted = '';

  constructor(options: EpochNotesOptions, moved: MovedPositions) {
    this.#options = options;
    this.#moved = moved;
  }

  /** A failure leaves what was noted; the next one says more. */
  async write(forgetUpTo: number): Promise<void> {
    const { thread, ingest, gatewayEpoch: epoch, clock, logger } = this.#options;
    const { settledUpTo } = ingest.settlement;
    const positions = this.#moved.all();
    const text = `${settledUpTo} ${forgetUpTo}`;
    if (positions.length === 0 && text === this.#noted) return;
    const account = { epoch, settledUpTo, numberedUpTo: settledUpTo, ends: ingest.ends };
    try {
      await thread.call('note', { account, forgetUpTo, positions, nowMs: clock.nowMs() });
      this.#moved.saved(positions);
      this.#noted = text;
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'communicator.spool.not-noted');
    }
  }
}
