// The positions of peers that cannot keep their own, as committed offsets of a group per source without members: whichever
// communicator dials the source next finds them, and Kafka's own tools show and move them. Saving lags a little: what was
// delivered since is delivered again after a crash, under the same reply id.
import type { LogAdmin } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { describeError, isRetriable } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { Vector } from './cursor.ts';

interface Kept {
  position: Vector;
  saved: string;
}

export class SavedPositions {
  readonly #admin: Pick<LogAdmin, 'committed' | 'setCommitted'>;
  readonly #logger: Logger;
  readonly #kept = new Map<string, Kept>();
  #saving: Promise<void> = Promise.resolve();
  /** Begins when the one before it has ended. */
  #next: Promise<void> | undefined;

  constructor(admin: Pick<LogAdmin, 'committed' | 'setCommitted'>, logger: Logger) {
    this.#admin = admin;
    this.#logger = logger;
  }

  /** Undefined for a source that was never connected. Throws while the log is away. */
  async load(source: string): Promise<Vector | undefined> {
    const kept = this.#kept.get(source);
    if (kept !== undefined) return kept.position;
    const committed = await this.#admin.committed(groupOf(source), TOPIC.outgoing);
    return committed.size === 0 ? undefined : committed;
  }

  /**
   * Of a source that was never connected: from here on replies are for it, whoever is connected to it when they come. Does
   * nothing for one that has a position. Throws while the log is away.
   */
  async begin(source: string, position: Vector): Promise<void> {
    if ((await this.load(source)) !== undefined) return;
    await this.#admin.setCommitted(groupOf(source), TOPIC.outgoing, position);
  }

  /** Another communicator has the source now: what it saves is what counts. */
  forget(source: string): void {
    this.#kept.delete(source);
  }

  moved(source: string, position: Vector): void {
    const kept = this.#kept.get(source);
    if (kept === undefined) this.#kept.set(source, { position, saved: '' });
    else kept.position = position;
  }

  /** Saves what has moved before the call; one at a time, and a failure is tried again by the next call. */
  async save(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#saving.then(() => {
        this.#next = undefined;
        return this.#saveAll();
      });
      this.#saving = this.#next;
    }
    await this.#next;
  }

  async #saveAll(): Promise<void> {
    for (const [source, kept] of this.#kept) {
      const { position } = kept;
      const text = textOf(position);
      if (text === kept.saved) continue;
      try {
        await this.#admin.setCommitted(groupOf(source), TOPIC.outgoing, position);
        kept.saved = text;
      } catch (error) {
        this.#logger.warn({ source, error: describeError(error) }, 'communicator.position.not-saved');
        // The log is away for all of them; anything else is of this source alone.
        if (isRetriable(error)) return;
      }
    }
  }
}

export function groupOf(source: string): string {
  return `${GROUP.communicator}.${source}`;
}

function textOf(position: Vector): string {
  return [...position].map(([partition, next]) => `${partition}:${next}`).join(' ');
}
