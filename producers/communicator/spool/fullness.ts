// When sources must wait for the spool: from near its bounds on until there is some room again, so that they do not stop and go with
// every frame. Bounded in bytes, in what is not on the disk yet, and in age: what waits for longer than the log keeps records is
// gone as soon as it is there. Nothing is dropped; whoever waits is told why.
import type { Logger } from '../../../service/logger.ts';
import type { CommunicatorMetrics } from '../metrics.ts';

export interface FullnessOptions {
  readonly bytesMax: number;
  /** How old the oldest frame may be. */
  readonly ageMaxMs: number;
  /** Frames that are nowhere but in memory. */
  readonly unsyncedMax: number;
  readonly logger: Logger;
  readonly metrics: Pick<CommunicatorMetrics, 'spoolPauses'>;
  readonly pauseSources: () => void;
  readonly resumeSources: () => void;
}

/** What is here now. */
export interface Fill {
  readonly bytes: number;
  /** Of the oldest frame; undefined where nothing waits. */
  readonly ageMs: number | undefined;
  readonly unsynced: number;
}

/** In the order in which they are named as the reason. */
const BOUNDS = ['bytes', 'age', 'unsynced'] as const;
type Bound = (typeof BOUNDS)[number];

const PAUSE_AT = 0.9;
const RESUME_AT = 0.8;

export class Fullness {
  readonly #options: FullnessOptions;
  /** Bounds that were reached and are not far yet. */
  readonly #reached = new Set<Bound>();
  #isPaused = false;

  constructor(options: FullnessOptions) {
    this.#options = options;
  }

  /** To be told after every change, and as time goes by. */
  is({ bytes, ageMs = 0, unsynced }: Fill): void {
    const { bytesMax, ageMaxMs, unsyncedMax, logger, metrics, pauseSources, resumeSources } = this.#options;
    const isNear = {
      bytes: bytes >= bytesMax * PAUSE_AT,
      age: ageMs >= ageMaxMs,
      unsynced: unsynced * 2 >= unsyncedMax,
    };
    const isFar = {
      bytes: bytes <= bytesMax * RESUME_AT,
      age: ageMs <= ageMaxMs * RESUME_AT,
      unsynced: unsynced * 4 <= unsyncedMax,
    };
    // What made them wait has to be far; of the others it is enough that they are not reached.
    for (const bound of BOUNDS)
      if (isNear[bound] || isFar[bound]) this.#reached[isNear[bound] ? 'add' : 'delete'](bound);
    const [reason] = BOUNDS.filter((bound) => this.#reached.has(bound));
    if (this.#isPaused === (reason !== undefined)) return;
    this.#isPaused = reason !== undefined;
    if (reason === undefined) {
      logger.info({ bytes, ageMs }, 'communicator.spool.has-room');
      return resumeSources();
    }
    metrics.spoolPauses.inc({ reason });
    // A burst that the disk takes a moment for is no news.
    const level = reason === 'unsynced' ? 'debug' : 'warn';
    logger[level]({ reason, bytes, ageMs, unsynced }, 'communicator.spool.full');
    pauseSources();
  }
}
