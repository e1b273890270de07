// The sources of before, while nobody says whose they are: when the log is away at a start, whether it never answered or went away again
// before the first assignment, those that this communicator dialled last are dialled at once, and what they say is for the disk.
// The first assignment says which of them may stay, and from then on the group alone says who dials whom.
import type { Logger } from '../../service/logger.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Downward } from './downward.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import type { OutgoingStart } from './outgoing-ends.ts';
import type { SourceLinks } from './source-links.ts';
import type { Dialled } from './source-ownership.ts';
import type { OwnSources } from './spool/own-sources.ts';
import type { Spool } from './spool/spool.ts';

export interface HeldSourcesOptions {
  readonly links: Pick<SourceLinks, 'hold' | 'expected' | 'take' | 'letGo' | 'assigned'>;
  readonly own: Pick<OwnSources, 'note'>;
  /** As the disk has them. */
  readonly last: readonly string[];
  readonly checkpoints: Pick<Checkpoints, 'open'>;
  readonly downward: Pick<Downward, 'open'>;
  readonly spool: Pick<Spool, 'start'>;
  readonly metrics: Pick<CommunicatorMetrics, 'sourcesHeld'>;
  readonly logger: Logger;
}

export class HeldSources implements Dialled {
  readonly #options: HeldSourcesOptions;
  readonly #held = new Set<string>();
  /** Noted as our own, and given to us by nobody yet. */
  readonly #unclaimed: Set<string>;
  #phase: 'waiting' | 'handing on' | 'assigned' = 'waiting';
  #isHolding = false;

  constructor(options: HeldSourcesOptions) {
    this.#options = options;
    this.#unclaimed = new Set(options.last);
  }

  /** Dialled already, until the first assignment says whether they may be. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** The log is away. */
  hold(): void {
    if (this.#isHolding || this.#phase === 'assigned') return;
    this.#isHolding = true;
    const { links, last, metrics, logger } = this.#options;
    for (const name of links.hold(last)) {
      this.#held.add(name);
      this.#unclaimed.delete(name);
    }
    metrics.sourcesHeld.set(this.#held.size);
    logger.warn({ held: [...this.#held] }, 'communicator.sources.held');
    // Before that, whoever lets the spool hand on saves their positions first. Now they have one from when they were dialled last.
    if (this.#phase === 'handing on') void links.expected();
  }

  /**
   * The log has answered: the epoch is opened on it; only then peers have positions in it, so are welcomed, and what they say is appended;
   * each source's position in the replies is saved, and only then the spool hands on.
   */
  async handOn(outgoing: OutgoingStart, stopping: AbortSignal): Promise<void> {
    const { checkpoints, downward, links, spool } = this.#options;
    await checkpoints.open();
    stopping.throwIfAborted();
    downward.open(outgoing);
    await links.expected();
    this.#phase = 'handing on';
    stopping.throwIfAborted();
    spool.start();
  }

  take(source: string): void {
    this.#unclaimed.delete(source);
    this.#options.own.note(source, true);
    this.#options.links.take(source);
  }

  letGo(source: string): void {
    this.#options.own.note(source, false);
    this.#options.links.letGo(source);
  }

  /** After an assignment has taken and let go. */
  assigned(): void {
    this.#phase = 'assigned';
    this.#held.clear();
    this.#options.metrics.sourcesHeld.set(0);
    for (const source of this.#unclaimed) this.#options.own.note(source, false);
    this.#unclaimed.clear();
    this.#options.links.assigned();
  }
}
