// Carries out a plan of outages: begins each at its time, ends it after its duration, and records both. A run is valid only
// when exactly what was planned has happened; an outage that failed, or that never came, is named, not forgotten.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import type { LinkProxy } from './link-proxy.ts';
import { LINK_OUTAGES, type Outage, type PlannedOutage, PROCESS_OUTAGES } from './outage-plan.ts';
import type { OwnProcess } from './own-process.ts';

export interface OutageTarget {
  begin(outage: Outage): Promise<void>;
  heal(outage: Outage): Promise<void>;
}

export interface FiredOutage extends PlannedOutage {
  /** Milliseconds since the run began. */
  readonly begunMs: number;
  readonly endedMs: number;
}

export interface OutageRun {
  readonly planned: number;
  readonly fired: readonly FiredOutage[];
  readonly failed: readonly { readonly outage: PlannedOutage; readonly error: string }[];
  readonly isValid: boolean;
}

export interface RunningOutages {
  readonly plan: readonly PlannedOutage[];
  readonly targets: Readonly<Record<string, OutageTarget>>;
  readonly clock: Clock;
  /** Ends the run early: outages that have begun are healed, the others do not come. */
  readonly signal: AbortSignal;
  readonly onFired?: (fired: FiredOutage) => void;
}

export async function runOutages({ plan, targets, clock, signal, onFired }: RunningOutages): Promise<OutageRun> {
  const startMs = clock.nowMs();
  const sinceStartMs = (): number => clock.nowMs() - startMs;
  const fired: FiredOutage[] = [];
  const failed: { outage: PlannedOutage; error: string }[] = [];

  const carryOut = async (outage: PlannedOutage): Promise<void> => {
    if (!(await waited(outage.atMs - sinceStartMs(), signal))) return;
    try {
      const target = targets[outage.target];
      if (target === undefined) throw new Error(`there is no target ${outage.target}`);
      const begunMs = sinceStartMs();
      await target.begin(outage.outage);
      await waited(begunMs + outage.forMs - sinceStartMs(), signal);
      await target.heal(outage.outage);
      const done = { ...outage, begunMs, endedMs: sinceStartMs() };
      fired.push(done);
      onFired?.(done);
    } catch (error) {
      failed.push({ outage, error: describeError(error) });
    }
  };

  await Promise.all(plan.map(carryOut));
  const isValid = fired.length === plan.length;
  return { planned: plan.length, fired, failed, isValid };
}

export function processTarget(own: Pick<OwnProcess, 'begin' | 'heal'>): OutageTarget {
  const known = (outage: Outage) => oneOf(PROCESS_OUTAGES, outage, 'process');
  return { begin: (outage) => own.begin(known(outage)), heal: (outage) => own.heal(known(outage)) };
}

export function linkTarget(link: Pick<LinkProxy, 'begin' | 'heal'>): OutageTarget {
  return {
    begin: async (outage) => link.begin(oneOf(LINK_OUTAGES, outage, 'link')),
    heal: async () => link.heal(),
  };
}

function oneOf<const O extends Outage>(outages: readonly O[], outage: Outage, what: string): O {
  const found = outages.find((one) => one === outage);
  if (found === undefined) throw new Error(`${outage} cannot happen to a ${what}`);
  return found;
}

/** False where the run ended before the time was up. */
async function waited(durationMs: number, signal: AbortSignal): Promise<boolean> {
  await sleep(Math.max(0, durationMs), undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
