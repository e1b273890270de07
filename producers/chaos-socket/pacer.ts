// One timer for many plans: it wakes when something is due and hands over all of it; there is never one timer per event.
import type { Clock } from '../../service/clock.ts';
import { type DueEvent, Schedule, type Timed } from './schedule.ts';

const TICK_MS = 10;
const IDLE_MAX_MS = 1_000;
const PORTION_MAX = 5_000;
/** Behind by more than this, events are counted as late instead of being sent all at once. */
const LATE_AFTER_MS = 5_000;

export interface PacerOptions<E extends Timed> {
  readonly clock: Clock;
  readonly untilMs?: number | undefined;
  readonly emit: (name: string, due: DueEvent<E>) => void;
}

export class Pacer<E extends Timed> {
  readonly #options: PacerOptions<E>;
  readonly #schedule: Schedule<E>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: PacerOptions<E>) {
    this.#options = options;
    this.#schedule = new Schedule({ portionMax: PORTION_MAX, lateAfterMs: LATE_AFTER_MS, untilMs: options.untilMs });
  }

  has(name: string): boolean {
    return this.#schedule.has(name);
  }

  begin(name: string, plan: Iterable<E>): void {
    if (this.#isStopped) return;
    this.#schedule.begin(name, plan, this.#options.clock.nowMs());
    this.#wake(0);
  }

  end(name: string): void {
    this.#schedule.end(name);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wake(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), afterMs);
  }

  #tick(): void {
    if (this.#isStopped) return;
    const { clock, emit } = this.#options;
    const isMoreDue = this.#schedule.run(clock.nowMs(), emit);
    const idleMs = isMoreDue ? 0 : this.#schedule.idleMs(clock.nowMs());
    // Nothing to come: the next plan wakes it.
    if (idleMs === undefined) return;
    this.#wake(isMoreDue ? 0 : Math.min(IDLE_MAX_MS, Math.max(TICK_MS, idleMs)));
  }
}
