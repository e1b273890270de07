// A frame that a fault keeps back: never sent, but in the ledger and counted, so that its loss has a name.
import { createHash } from 'node:crypto';
import type { Clock } from '../../service/clock.ts';
import type { Outgoing } from './connections.ts';
import type { Ledger } from './ledger.ts';
import type { ChaosMetrics } from './metrics.ts';

export interface WithheldBy {
  readonly source: string;
  /** The firing of the fault. */
  readonly firing: number | undefined;
  /** Whether the peer can still ask for it. */
  readonly recoverable: boolean;
}

export interface WithholdDeps {
  readonly ledger: Pick<Ledger, 'note'>;
  readonly metrics: Pick<ChaosMetrics, 'countWithheld'>;
  readonly clock: Clock;
}

export function withhold(
  { data, event, id, chat, place }: Pick<Outgoing, 'data' | 'event' | 'id' | 'chat' | 'place'>,
  { source, firing, recoverable }: WithheldBy,
  { ledger, metrics, clock }: WithholdDeps,
): void {
  const sha256 = createHash('sha256').update(data).digest('hex');
  const about = { source, event, id, chat, sha256, ...place, firing, recoverable };
  ledger.note({ line: 'withheld', ...about }, clock.nowMs());
  metrics.countWithheld();
}
