// A source that neither counts its events nor hears acknowledgements (the original chaos-socket): every frame goes to the spool
// before anything else, and a reply is delivered when a ping behind it was answered. What was not by the time its link ends is
// delivered again over the next one.
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { Arrivals } from './arrivals.ts';
import type { Vector } from './cursor.ts';
import { dispatchEvent } from './dispatch-frame.ts';
import type { Downward } from './downward.ts';
import { within } from './in-time.ts';
import type { Origin } from './ingest.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import type { PacedReading } from './paced-reading.ts';
import type { Frame } from './parse-frame.ts';
import type { Delivery, Receiver } from './receiver.ts';
import type { Spool } from './spool/spool.ts';
import type { Wire } from './wire.ts';

export interface LegacyPeerOptions {
  readonly wire: Wire;
  /** Undefined: as fast as it comes. */
  readonly reading: PacedReading | undefined;
  readonly from: Origin;
  readonly spool: Pick<Spool, 'add'>;
  readonly downward: Pick<Downward, 'attach' | 'begin' | 'detach'>;
  readonly metrics: Pick<CommunicatorMetrics, 'deliveries'>;
  readonly logger: Logger;
}

/** For the last replies to arrive before we end the connection. */
const ARRIVE_MS = 1_000;
const ATTACH_BACKOFF = { initialMs: 250, maxMs: 5_000 };

export class LegacyPeer implements Receiver {
  readonly #options: LegacyPeerOptions;
  readonly #over = new AbortController();
  readonly #arrivals = new Arrivals();
  /** Replies went out behind which there is no ping yet. */
  #isToAsk = false;
  #isLeaving = false;
  #onArrived = (): void => undefined;

  constructor(options: LegacyPeerOptions) {
    this.#options = options;
    options.wire.onPong((text) => this.#ponged(text));
    void this.#attach();
  }

  get canTake(): boolean {
    return this.#options.wire.isOpen && !this.#isLeaving;
  }

  receive(frame: Frame): void {
    const { spool, from, reading } = this.#options;
    spool.add(frame, from);
    this.#ask();
    reading?.took();
  }

  async deliver({ dispatch }: Delivery): Promise<boolean> {
    this.#arrivals.gives();
    return await this.#options.wire.sendTaken(JSON.stringify(dispatchEvent(dispatch)));
  }

  /** Asked about once a second, which is how often a ping goes out while there is something to ask. */
  arrived(taken: Vector): Vector {
    const position = this.#arrivals.position(taken);
    this.#isToAsk = this.#arrivals.open > 0;
    this.#ask();
    return position;
  }

  cut(partition: number, from: bigint): void {
    this.#arrivals.cut(partition, from);
  }

  /** Takes no more replies, and waits a moment for the answer to the last ones: without it they would come again. */
  async drained(): Promise<void> {
    this.#isLeaving = true;
    this.#isToAsk = this.#arrivals.open > 0;
    this.#ask();
    if (this.#arrivals.open === 0) return;
    await within(ARRIVE_MS, new Promise<void>((resolve) => (this.#onArrived = resolve)));
  }

  closed(): void {
    const { downward, metrics, from, logger } = this.#options;
    const { open } = this.#arrivals;
    this.#over.abort();
    downward.detach(this);
    this.#onArrived();
    if (open === 0) return;
    metrics.deliveries.inc({ outcome: 'unanswered' }, open);
    logger.warn({ ...from, replies: open }, 'communicator.replies.unanswered');
  }

  /** Not while nothing is read: the answer could not be heard, and what a peer that is gone said last would be lost by it (wire.ts). */
  #ask(): void {
    const { wire } = this.#options;
    if (!this.#isToAsk || wire.isPaused) return;
    this.#isToAsk = false;
    wire.ask(this.#arrivals.mark);
  }

  #ponged(text: string): void {
    this.#arrivals.ponged(text);
    if (this.#arrivals.open === 0) this.#onArrived();
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
