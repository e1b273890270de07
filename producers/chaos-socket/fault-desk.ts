// Where faults are armed and strikes are written down: each firing gets a number and a line in the ledger, with the verdict
// it must lead to, before anything of it happens. What strikes is the plan's decision.
import type { Clock } from '../../service/clock.ts';
import type { Arming } from './arming.ts';
import type { Draft, Effect } from './delivery.ts';
import { ordinary } from './delivery.ts';
import { type Armed, FaultPlan, type Place, type Strike } from './fault-plan.ts';
import type { Ledger } from './ledger.ts';
import type { ChaosMetrics } from './metrics.ts';

/** What happens, and the number of the firing that wanted it so. */
export interface Struck extends Effect {
  readonly firing: number | undefined;
}

interface DeskOptions {
  readonly seed: number;
  readonly ledger: Pick<Ledger, 'note'>;
  readonly metrics: Pick<ChaosMetrics, 'countFault'>;
  readonly clock: Clock;
}

export class FaultDesk {
  readonly #plan: FaultPlan;
  readonly #options: DeskOptions;
  readonly #firedBy = new Map<string, number>();
  #firings = 0;

  constructor(options: DeskOptions) {
    this.#plan = new FaultPlan(options.seed);
    this.#options = options;
  }

  get armed(): readonly (Armed & { readonly fired: number })[] {
    return this.#plan.armed.map((armed) => ({ ...armed, fired: this.#firedBy.get(armed.id) ?? 0 }));
  }

  get firings(): number {
    return this.#firings;
  }

  arm(arming: Arming, sinceMs?: number): Armed {
    return this.#plan.arm(arming, sinceMs);
  }

  /** Disarms some and arms others; when it throws, nothing has changed. */
  exchange(ids: readonly string[], armings: readonly Arming[], sinceMs?: number): readonly Armed[] {
    const fresh = this.#plan.exchange(ids, armings, sinceMs);
    for (const id of ids) this.#firedBy.delete(id);
    return fresh;
  }

  disarm(id: string): boolean {
    this.#firedBy.delete(id);
    return this.#plan.disarm(id);
  }

  forget(stream: number): void {
    this.#plan.forget(stream);
  }

  /** What happens with an event: usually that it is sent. */
  strike(draft: Draft, place: Place, more: (count: number) => readonly Draft[]): Struck {
    const delivery = ordinary(draft);
    const strike = this.#plan.decide(place);
    if (strike === undefined) return { deliveries: [delivery], actions: [], firing: undefined };
    const firing = this.#record(strike, place.source, place.n);
    return { ...strike.effect({ delivery, more }), firing };
  }

  /** What happens as the n-th connection opens: usually nothing. */
  open(
    n: number,
    at: { readonly source: string; readonly nowMs: number },
    more: (count: number) => readonly Draft[],
  ): readonly Struck[] {
    return this.#plan.decideOpening(n, at).flatMap((strike) => {
      const [draft] = more(1);
      if (draft === undefined) return [];
      const firing = this.#record(strike, at.source, undefined);
      return [{ ...strike.effect({ delivery: ordinary(draft), more }), firing }];
    });
  }

  #record({ armed }: Strike, source: string, event: number | undefined): number {
    const firing = ++this.#firings;
    const { name, expects } = armed.fault;
    this.#firedBy.set(armed.id, (this.#firedBy.get(armed.id) ?? 0) + 1);
    this.#options.metrics.countFault(name);
    const note = { line: 'fault', firing, fault: name, armed: armed.id, source, event, expects } as const;
    this.#options.ledger.note(note, this.#options.clock.nowMs());
    return firing;
  }
}
