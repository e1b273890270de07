// Brings the plan to the connections. With the profile's pace each connection has a stream of its own from the moment it
// opens, as in the original. With a fixed rate one stream is dealt out to all open connections, a chat always to the same
// one while they stay the same, so that order within a chat holds; it begins with the first connection and ends with the
// last. One timer wakes when something is due and emits all of it; it never runs one timer per event.
import type { Clock } from '../../service/clock.ts';
import type { Connection, Connections } from './connections.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { PlannedEvent, PlanSpecification } from './generator.ts';
import { planEvents } from './generator.ts';
import type { ChaosMetrics } from './metrics.ts';
import { type DueEvent, Schedule } from './schedule.ts';

const TICK_MS = 10;
const IDLE_MAX_MS = 1_000;
const PORTION_MAX = 5_000;
/** Behind by more than this, events are counted as late instead of being sent all at once. */
const LATE_AFTER_MS = 5_000;
const SHARED = 'shared';

export interface EmitterOptions {
  readonly plan: Omit<PlanSpecification, 'stream'>;
  readonly untilMs: number | undefined;
  readonly connections: Connections;
  readonly writer: FrameWriter;
  readonly metrics: ChaosMetrics;
  readonly clock: Clock;
}

export class Emitter {
  readonly #options: EmitterOptions;
  readonly #schedule: Schedule;
  #timer: NodeJS.Timeout | undefined;
  #streamsBegun = 0;
  #isStopped = false;

  constructor(options: EmitterOptions) {
    this.#options = options;
    this.#schedule = new Schedule({ portionMax: PORTION_MAX, lateAfterMs: LATE_AFTER_MS, untilMs: options.untilMs });
  }

  opened(connection: Connection): void {
    if (this.#isStopped) return;
    const name = this.#isShared ? SHARED : connection.id;
    if (!this.#schedule.has(name)) {
      const plan = planEvents({ ...this.#options.plan, stream: this.#streamsBegun++ });
      this.#schedule.begin(name, plan, this.#options.clock.nowMs());
    }
    this.#wake(0);
  }

  closed(connection: Connection): void {
    if (!this.#isShared) this.#schedule.end(connection.id);
    else if (this.#options.connections.list.length === 0) this.#schedule.end(SHARED);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  get #isShared(): boolean {
    return this.#options.plan.eventsPerSecond !== undefined;
  }

  #wake(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), afterMs);
  }

  #tick(): void {
    if (this.#isStopped) return;
    const { clock } = this.#options;
    const isMoreDue = this.#schedule.run(clock.nowMs(), (name, due) => this.#emit(name, due));
    const idleMs = isMoreDue ? 0 : this.#schedule.idleMs(clock.nowMs());
    // Nothing to come: the next connection wakes it.
    if (idleMs === undefined) return;
    this.#wake(isMoreDue ? 0 : Math.min(IDLE_MAX_MS, Math.max(TICK_MS, idleMs)));
  }

  #emit(streamName: string, { event, streamStartMs, isLate }: DueEvent): void {
    const { connections, writer, metrics } = this.#options;
    if (isLate) {
      metrics.countNotSent('late');
      return;
    }
    const connection = this.#recipient(streamName, event);
    if (connection === undefined) {
      metrics.countNotSent('closed');
      return;
    }
    const { text, ...about } = writer.planned(event, streamStartMs);
    connections.send(connection, { ...about, data: text, origin: 'plan', dueAtMs: streamStartMs + event.atMs });
  }

  #recipient(streamName: string, event: PlannedEvent): Connection | undefined {
    const { connections } = this.#options;
    if (streamName !== SHARED) return connections.get(streamName);
    const key = event.kind === 'presence' ? event.actor : 'of' in event ? event.of.chat : event.chat;
    return connections.list[key % connections.list.length];
  }
}
