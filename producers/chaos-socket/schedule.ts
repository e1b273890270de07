// Open-loop pacing: what is due is due, whether or not anybody keeps up. A stream is a plan with the moment it began; the
// schedule hands over what has come due, in bounded portions, and says when to look again. Pure: the clock is an argument.

export interface Timed {
  /** Virtual time, in milliseconds since the stream began. */
  readonly atMs: number;
}

export interface DueEvent<E extends Timed> {
  readonly event: E;
  readonly streamStartMs: number;
  /** Too old to be sent as if nothing had happened: the process was held up for longer than the limit. */
  readonly isLate: boolean;
}

interface Stream<E> {
  readonly plan: Iterator<E, unknown, void>;
  readonly startMs: number;
  next: E | undefined;
}

export interface ScheduleLimits {
  /** Events handed over at once. */
  readonly portionMax: number;
  readonly lateAfterMs: number;
  /** Virtual time at which every plan ends. */
  readonly untilMs?: number | undefined;
}

export class Schedule<E extends Timed> {
  readonly #streams = new Map<string, Stream<E>>();
  readonly #limits: ScheduleLimits;

  constructor(limits: ScheduleLimits) {
    this.#limits = limits;
  }

  get streams(): number {
    return this.#streams.size;
  }

  begin(name: string, plan: Iterable<E>, startMs: number): void {
    const stream: Stream<E> = { plan: plan[Symbol.iterator](), startMs, next: undefined };
    stream.next = this.#following(stream);
    this.#streams.set(name, stream);
  }

  end(name: string): void {
    this.#streams.delete(name);
  }

  has(name: string): boolean {
    return this.#streams.has(name);
  }

  /** Calls `emit` for what is due, in order within each stream. True when the portion was used up and more is due. */
  run(nowMs: number, emit: (streamName: string, due: DueEvent<E>) => void): boolean {
    let left = this.#limits.portionMax;
    for (const [name, stream] of this.#streams) {
      for (let event = stream.next; event !== undefined; event = stream.next) {
        const overdueMs = nowMs - stream.startMs - event.atMs;
        if (overdueMs < 0) break;
        if (left-- === 0) return true;
        stream.next = this.#following(stream);
        emit(name, { event, streamStartMs: stream.startMs, isLate: overdueMs > this.#limits.lateAfterMs });
      }
    }
    return false;
  }

  /** How long nothing will come due; undefined when nothing ever will. */
  idleMs(nowMs: number): number | undefined {
    let earliestMs: number | undefined;
    for (const { startMs, next } of this.#streams.values()) {
      if (next !== undefined) earliestMs = Math.min(earliestMs ?? Number.POSITIVE_INFINITY, startMs + next.atMs);
    }
    return earliestMs === undefined ? undefined : Math.max(0, earliestMs - nowMs);
  }

  #following({ plan }: Stream<E>): E | undefined {
    const { value, done } = plan.next();
    if (done) return undefined;
    const event = value as E;
    return event.atMs < (this.#limits.untilMs ?? Number.POSITIVE_INFINITY) ? event : undefined;
  }
}
