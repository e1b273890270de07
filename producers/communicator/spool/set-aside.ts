// Groups that stay on the disk for an operator: damaged ones, and those with a frame that no topic took, of which there is no other copy. They are
// told as long as the process lives. What the disk does not take note of is not safe to forget, and is tried again.
import { describeError } from '../../../service/errors.ts';
import type { Health } from '../../../service/health.ts';
import type { Logger } from '../../../service/logger.ts';
import type { SpoolThread } from './spool-thread.ts';

export interface SetAsideOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly logger: Logger;
  readonly health: Health;
}

export class SetAside {
  readonly #options: SetAsideOptions;
  /** Not noted yet. */
  readonly #open = new Map<number, (() => void)[]>();
  #noting: Promise<void> | undefined;

  constructor(options: SetAsideOptions) {
    this.#options = options;
  }

  get isNoted(): boolean {
    return this.#open.size === 0;
  }

  /** `onNoted`: from now on the group outlives whatever is forgotten around it. */
  add(id: number, problem: string, onNoted: () => void = () => undefined): void {
    // Of its own: that the disk takes frames again does not take it back.
    this.#options.health.set('spool-set-aside', false, problem);
    this.#open.set(id, [...(this.#open.get(id) ?? []), onNoted]);
    void this.note();
  }

  /** Of all that is open; never rejects. */
  note(): Promise<void> {
    this.#noting ??= this.#note().finally(() => {
      this.#noting = undefined;
    });
    return this.#noting;
  }

  async #note(): Promise<void> {
    const { thread, logger } = this.#options;
    for (const id of this.#open.keys()) {
      try {
        await thread.call('setAside', { id });
      } catch (error) {
        logger.error({ id, error: describeError(error) }, 'communicator.spool.failed');
        return;
      }
      const waiting = this.#open.get(id) ?? [];
      this.#open.delete(id);
      for (const onNoted of waiting) onNoted();
    }
  }
}
