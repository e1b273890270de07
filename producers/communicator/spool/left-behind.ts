// The epochs of processes before this one that ended without a word: closed by this one, once all that they left here is on the log.
import { describeError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import { highestEnds } from '../highest-ends.ts';
import { NumberRanges } from '../number-ranges.ts';
import type { EpochRow } from './epoch-accounts.ts';
import type { SpoolThread } from './spool-thread.ts';

export class LeftBehind {
  /** The last group that they left. */
  readonly lastId: number;
  readonly #epochs: EpochRow[];
  readonly #thread: Pick<SpoolThread, 'call'>;
  readonly #logger: Logger;
  #closing: Promise<void> | undefined;

  constructor(epochs: readonly EpochRow[], lastId: number, thread: Pick<SpoolThread, 'call'>, logger: Logger) {
    this.lastId = lastId;
    this.#epochs = [...epochs];
    this.#thread = thread;
    this.#logger = logger;
  }

  get isClosed(): boolean {
    return this.#epochs.length === 0;
  }

  /** To be called when nothing of theirs waits any more; a failure is tried again by the next call. */
  async close(onRecovered: (epoch: EpochRow, spooled: NumberRanges) => Promise<void>): Promise<void> {
    this.#closing ??= this.#closeAll(onRecovered).finally(() => {
      this.#closing = undefined;
    });
    await this.#closing;
  }

  async #closeAll(onRecovered: (epoch: EpochRow, spooled: NumberRanges) => Promise<void>): Promise<void> {
    try {
      for (let [row] = this.#epochs; row !== undefined; [row] = this.#epochs) {
        const { epoch, hasSpooled } = row;
        // Those who came after it have appended what its spool had, as far as each of them came.
        const ends = hasSpooled ? highestEnds(...this.#epochs.map((one) => one.ends)) : row.ends;
        await onRecovered({ ...row, ends }, new NumberRanges(await this.#thread.call('numbers', { epoch })));
        await this.#thread.call('closeEpoch', { epoch });
        this.#epochs.shift();
      }
    } catch (error) {
      this.#logger.warn({ error: describeError(error) }, 'communicator.epoch.not-closed');
    }
  }
}
