// Brings the plan to the feeds. With the profile's pace each feed has a plan of its own from the moment it begins, as in
// the original. With a fixed rate or with phases one plan is dealt out to all feeds, a chat always to the same one while
// they stay the same, so that order within a chat holds; it begins with the first feed and ends with the last.
import type { Clock } from '../../service/clock.ts';
import type { Draft } from './delivery.ts';
import type { FaultDesk } from './fault-desk.ts';
import type { Feed } from './feed.ts';
import type { Frame, FrameWriter } from './frame-writer.ts';
import { chatKeyOf, type PlannedEvent, type PlanSpecification, planEvents } from './generator.ts';
import type { Ledger } from './ledger.ts';
import type { ChaosMetrics } from './metrics.ts';
import { Pacer } from './pacer.ts';
import type { DueEvent } from './schedule.ts';
import { inDealingOrder } from './source-paths.ts';

const SHARED = 'shared';

export interface EmitterOptions {
  readonly plan: Omit<PlanSpecification, 'stream'>;
  readonly untilMs: number | undefined;
  /** How many sources there are, where that is known. */
  readonly sources: number | undefined;
  readonly writer: FrameWriter;
  readonly desk: FaultDesk;
  /** While it has no room nothing happens at all: a fault, too, is a line in it. */
  readonly ledger: Pick<Ledger, 'hasRoom'>;
  readonly metrics: Pick<ChaosMetrics, 'countNotSent'>;
  readonly clock: Clock;
}

export class Emitter {
  readonly #options: EmitterOptions;
  readonly #pacer: Pacer<PlannedEvent>;
  readonly #feeds = new Map<string, Feed>();
  #list: readonly Feed[] = [];
  #plan: Omit<PlanSpecification, 'stream'>;
  /** The number of the shared plan; the next one gets the next number. */
  #sharedStream = -1;

  constructor(options: EmitterOptions) {
    this.#options = options;
    this.#plan = options.plan;
    const { clock, untilMs } = options;
    this.#pacer = new Pacer({ clock, untilMs, emit: (name, due) => this.#emit(name, due) });
  }

  begin(feed: Feed): void {
    if (this.#feeds.has(feed.name)) return;
    this.#feeds.set(feed.name, feed);
    this.#list = inDealingOrder(this.#feeds.values(), this.#options.sources);
    this.#start(feed);
  }

  end(feed: Feed): void {
    this.#feeds.delete(feed.name);
    this.#list = inDealingOrder(this.#feeds.values(), this.#options.sources);
    if (!this.#isShared) {
      this.#pacer.end(feed.name);
      this.#options.desk.forget(feed.stream);
    } else if (this.#list.length === 0) {
      this.#pacer.end(SHARED);
      this.#options.desk.forget(this.#sharedStream);
    }
  }

  /** From now on every feed follows another plan, from its beginning. */
  change(plan: Pick<PlanSpecification, 'profile' | 'population' | 'phases'>): void {
    for (const name of [SHARED, ...this.#feeds.keys()]) this.#pacer.end(name);
    this.#plan = { ...this.#plan, ...plan };
    for (const feed of this.#list) this.#start(feed);
  }

  /** More messages for a chat, as somebody would write them now. */
  more(chat: string | undefined, atMs: number, count: number): readonly Draft[] {
    const write = (): Draft => {
      const content = `Test message ${Math.floor(atMs)}`;
      return draftOf(this.#options.writer.chosen({ content, chat }, Math.floor(atMs)));
    };
    return Array.from({ length: count }, write);
  }

  stop(): void {
    this.#pacer.stop();
  }

  get #isShared(): boolean {
    return this.#plan.eventsPerSecond !== undefined || this.#plan.phases !== undefined;
  }

  #start({ name, stream }: Feed): void {
    if (!this.#isShared) this.#pacer.begin(name, planEvents({ ...this.#plan, stream }));
    else if (!this.#pacer.has(SHARED)) {
      this.#pacer.begin(SHARED, planEvents({ ...this.#plan, stream: ++this.#sharedStream }));
    }
  }

  #emit(planName: string, { event, streamStartMs, isLate }: DueEvent<PlannedEvent>): void {
    const { writer, desk, ledger, metrics } = this.#options;
    const isShared = planName === SHARED;
    const feed = isShared ? this.#recipient(event) : this.#feeds.get(planName);
    if (isLate || feed === undefined) {
      metrics.countNotSent(isLate ? 'late' : 'closed');
      return;
    }
    if (!ledger.hasRoom) {
      metrics.countNotSent('ledger-full');
      return;
    }
    const dueAtMs = streamStartMs + event.atMs;
    const draft = draftOf(writer.planned(event, streamStartMs));
    const { kind, n, atMs } = event;
    const { source, isNumbered } = feed;
    const stream = isShared ? this.#sharedStream : feed.stream;
    const place = { stream, n, atMs, dueAtMs, kind, chat: draft.chat, source, isNumbered };
    const struck = desk.strike(draft, place, (count) => this.more(draft.chat, dueAtMs, count));
    feed.offer(struck, { origin: 'plan', dueAtMs });
  }

  #recipient(event: PlannedEvent): Feed | undefined {
    return this.#list[chatKeyOf(event) % this.#list.length];
  }
}

export function draftOf({ text, event, id, chat }: Frame): Draft {
  return { data: text, binary: false, event, id, chat };
}
