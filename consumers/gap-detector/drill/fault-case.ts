// What a fault of the drill is: how it is planted, and what must be found of it. Pure.
import type { IncomingEvent } from '../../../schemas/generated.ts';
import type { FindingKind, Stage } from '../verdict.ts';
import type { DrillPlanner, Expected, Fault } from './plan.ts';

/** One gateway epoch that numbers its frames. */
export class Gateway {
  readonly epoch: string;
  received = 0;
  readonly #planner: DrillPlanner;

  constructor(planner: DrillPlanner, epoch: string) {
    this.#planner = planner;
    this.epoch = epoch;
    planner.checkpoint({ kind: 'opened', gatewayEpoch: epoch });
  }

  frame(changes: Partial<IncomingEvent> = {}, members?: Readonly<Record<string, string>>): IncomingEvent {
    this.received += 1;
    return this.#planner.event({ gatewayEpoch: this.epoch, ingestSeq: this.received, ...changes }, members);
  }

  close(): void {
    const { received, epoch } = this;
    this.#planner.checkpoint({ kind: 'closed', gatewayEpoch: epoch, received, settledUpTo: received, reason: 'drill' });
  }
}

export interface FaultCase {
  readonly name: string;
  readonly stage: Stage;
  readonly fault: Fault;
  /** In a partition where nothing else is wrong, so that nothing but this fault can make anybody look closely. */
  readonly isAlone?: true;
  readonly plant: (planner: DrillPlanner, gateway: Gateway, partition: number) => readonly Expected[];
}

export const at = (kind: FindingKind, { partition, offset }: { partition: number; offset: number }): Expected => ({
  kind,
  stage: 'log-to-stored',
  partition,
  offset,
});
