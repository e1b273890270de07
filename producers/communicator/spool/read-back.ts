// Reads what lies behind in the spool, in order, as long as there is room for it.
import { describeError } from '../../../service/errors.ts';
import type { Health } from '../../../service/health.ts';
import type { Logger } from '../../../service/logger.ts';
import type { StoredGroup } from './spool-file.ts';
import type { SpoolThread } from './spool-thread.ts';

export interface ReadBackOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly logger: Logger;
  readonly health: Health;
  /** Whether something lies behind, and there is room for it. */
  readonly goesOn: () => boolean;
  /** The last group that was read. */
  readonly afterId: () => number;
  readonly onGroup: (group: StoredGroup) => void;
  /** There is nothing behind it after all. */
  readonly onEnd: () => void;
  readonly onPause: () => void;
}

const READ_GROUPS = 8;

export class ReadBack {
  readonly #options: ReadBackOptions;
  #isReading = false;
  #hasFailed = false;

  constructor(options: ReadBackOptions) {
    this.#options = options;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  go(): void {
    const { goesOn, onPause } = this.#options;
    if (this.#isReading || !goesOn()) return;
    this.#isReading = true;
    void this.#read().finally(() => {
      this.#isReading = false;
      onPause();
    });
  }

  async #read(): Promise<void> {
    const { thread, logger, health, goesOn, afterId, onGroup, onEnd } = this.#options;
    while (goesOn()) {
      const asked = { afterId: afterId(), groupsMax: READ_GROUPS };
      const groups = await thread.call('read', asked).catch((error: unknown) => {
        logger.error({ error: describeError(error) }, 'communicator.spool.unreadable');
        health.set('spool', false, `the spool cannot be read: ${describeError(error)}`);
      });
      if (groups !== undefined && this.#hasFailed) health.set('spool', true, 'the spool can be read');
      this.#hasFailed = groups === undefined;
      if (groups === undefined) return;
      for (const group of groups) if (goesOn()) onGroup(group);
      if (groups.length === 0) onEnd();
    }
  }
}
