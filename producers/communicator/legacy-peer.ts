// A source that neither counts its events nor hears acknowledgements (the original chaos-socket): every frame goes to the spool
// before anything else, and a reply is delivered when its socket has taken it.
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { dispatchEvent } from './dispatch-frame.ts';
import type { Delivery, Downward, Receiver } from './downward.ts';
import type { Origin } from './ingest.ts';
import type { PacedReading } from './paced-reading.ts';
import type { Frame } from './parse-frame.ts';
import type { Spool } from './spool/spool.ts';
import type { Wire } from './wire.ts';

export interface LegacyPeerOptions {
  readonly wire: Wire;
  readonly reading: PacedReading;
  readonly from: Origin;
  readonly spool: Pick<Spool, 'add'>;
  readonly downward: Pick<Downward, 'attach' | 'begin' | 'detach'>;
  readonly logger: Logger;
}

const ATTACH_BACKOFF = { initialMs: 250, maxMs: 5_000 };

export class LegacyPeer implements Receiver {
  readonly #options: LegacyPeerOptions;
  readonly #over = new AbortController();

  constructor(options: LegacyPeerOptions) {
    this.#options = options;
    void this.#attach();
  }

  get canTake(): boolean {
    return this.#options.wire.isOpen;
  }

  receive(frame: Frame): void {
    const { spool, from, reading } = this.#options;
    spool.add(frame, from);
    reading.took();
  }

  async deliver({ dispatch }: Delivery): Promise<boolean> {
    return await this.#options.wire.sendTaken(JSON.stringify(dispatchEvent(dispatch)));
  }

  closed(): void {
    this.#over.abort();
    this.#options.downward.detach(this);
  }

  /** What its position is, the log may not say for a while. Its frames go to the disk meanwhile: replies wait, the link stays. */
  async #attach(): Promise<void> {
    const { downward, from, logger } = this.#options;
    const { signal } = this.#over;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await downward.attach(this, from.source, undefined, true);
        if (signal.aborted) downward.detach(this);
        else downward.begin(this);
        return;
      } catch (error) {
        logger.warn({ ...from, attempt, error: describeError(error) }, 'communicator.source.no-position');
        await pause(backoffMs(attempt, ATTACH_BACKOFF), signal);
      }
    }
  }
}
