// Sends a recording instead of a plan, bytes as they were recorded. What one recorded connection carried goes to one open
// connection while they stay the same; it begins with the first connection and ends with the last.
import type { Clock } from '../../service/clock.ts';
import { AT_ONCE } from './delivery.ts';
import type { Link } from './link.ts';
import type { ChaosMetrics } from './metrics.ts';
import { Pacer } from './pacer.ts';
import { describeFrame } from './received-frames.ts';
import { type RecordedFrame, replayed } from './recorded-frames.ts';
import type { DueEvent } from './schedule.ts';

const NAME = 'recording';

export interface ReplayOptions {
  readonly frames: readonly RecordedFrame[];
  readonly speed: number;
  readonly isLooped: boolean;
  readonly metrics: Pick<ChaosMetrics, 'countNotSent'>;
  readonly clock: Clock;
}

export class Replay {
  readonly #options: ReplayOptions;
  readonly #pacer: Pacer<RecordedFrame>;
  readonly #links = new Set<Link>();
  #list: readonly Link[] = [];

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#pacer = new Pacer({ clock: options.clock, emit: (_name, due) => this.#emit(due) });
  }

  begin(link: Link): void {
    this.#links.add(link);
    this.#list = [...this.#links];
    if (!this.#pacer.has(NAME)) this.#pacer.begin(NAME, replayed(this.#options.frames, this.#options));
  }

  end(link: Link): void {
    this.#links.delete(link);
    this.#list = [...this.#links];
    if (this.#list.length === 0) this.#pacer.end(NAME);
  }

  stop(): void {
    this.#pacer.stop();
  }

  #emit({ event, streamStartMs, isLate }: DueEvent<RecordedFrame>): void {
    const link = this.#list[event.connection % this.#list.length];
    if (isLate || link === undefined) {
      this.#options.metrics.countNotSent(isLate ? 'late' : 'closed');
      return;
    }
    const { frame, round, atMs } = event;
    const about = describeFrame(parsed(frame));
    // The same bytes again are the same event again, unless they name none.
    const expect = round > 0 && about.id !== undefined ? 'duplicate' : 'stored';
    const dueAtMs = streamStartMs + atMs;
    link.put({ data: frame, binary: false, ...about, origin: 'recording', expect, dueAtMs }, AT_ONCE);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
