// A source above its rate is not read for a moment: TCP tells it, and nothing is dropped.
import type { Clock } from '../../service/clock.ts';
import { SourcePace } from './source-pace.ts';
import type { Wire } from './wire.ts';

export class PacedReading {
  readonly #wire: Pick<Wire, 'pause' | 'resume'>;
  readonly #clock: Clock;
  readonly #pace: SourcePace;
  #isPaused = false;

  /** Without a rate there is none: it is read as fast as it comes. */
  static of(
    wire: Pick<Wire, 'pause' | 'resume'>,
    ratePerSecond: number | undefined,
    clock: Clock,
  ): PacedReading | undefined {
    return ratePerSecond === undefined ? undefined : new PacedReading(wire, ratePerSecond, clock);
  }

  private constructor(wire: Pick<Wire, 'pause' | 'resume'>, ratePerSecond: number, clock: Clock) {
    this.#wire = wire;
    this.#clock = clock;
    this.#pace = new SourcePace(ratePerSecond);
  }

  /** One more frame came. */
  took(): void {
    this.#pace.took(this.#clock.nowMs());
    if (!this.#isPaused) this.#keep();
  }

  #keep(): void {
    const waitMs = this.#pace.waitMs(this.#clock.nowMs());
    this.#isPaused = waitMs > 0;
    if (!this.#isPaused) return this.#wire.resume('rate');
    this.#wire.pause('rate');
    setTimeout(() => this.#keep(), waitMs).unref();
  }
}
