// A source above its rate is not read for a moment: TCP tells it, and nothing is dropped.
import type { Clock } from '../../service/clock.ts';
import { SourcePace } from './source-pace.ts';
import type { Wire } from './wire.ts';

export class PacedReading {
  readonly #wire: Pick<Wire, 'pause' | 'resume'>;
  readonly #clock: Clock;
  readonly #pace: SourcePace | undefined;
  #isPaused = false;

  /** `ratePerSecond` undefined: as fast as it comes. */
  constructor(wire: Pick<Wire, 'pause' | 'resume'>, ratePerSecond: number | undefined, clock: Clock) {
    this.#wire = wire;
    this.#clock = clock;
    if (ratePerSecond !== undefined) this.#pace = new SourcePace(ratePerSecond);
  }

  /** One more frame came. */
  took(): void {
    if (this.#pace === undefined) return;
    this.#pace.took(this.#clock.nowMs());
    if (!this.#isPaused) this.#keep(this.#pace);
  }

  #keep(pace: SourcePace): void {
    const waitMs = pace.waitMs(this.#clock.nowMs());
    this.#isPaused = waitMs > 0;
    if (!this.#isPaused) return this.#wire.resume('rate');
    this.#wire.pause('rate');
    setTimeout(() => this.#keep(pace), waitMs).unref();
  }
}
