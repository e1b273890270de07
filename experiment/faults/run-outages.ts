// Carries out a plan of outages: begins each at its time, ends it after its duration, and records both. Those of one target
// follow each other, whatever an end takes (a broker that starts): one that comes late for that begins late, and its record says
// when. The outcome is the record's verdict; an outage that failed, or that never came, is named, not forgotten.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import type { PlannedOutage } from './outage-plan.ts';
import {
  type FailedOutage,
  type FiredOutage,
  judgeOutages,
  type OutageLine,
  type OutageVerdict,
  planLine,
} from './outage-record.ts';
import { faultName, isProcessOutage, type LinkOutage, type Outage, type ProcessOutage } from './outages.ts';

export interface OutageTarget {
  readonly begin: (outage: Outage) => Promise<void>;
  readonly heal: (outage: Outage) => Promise<void>;
}

export interface OutageRun extends OutageVerdict {
  readonly happened: readonly FiredOutage[];
  readonly failed: readonly FailedOutage[];
}

export interface RunningOutages {
  readonly run: string;
  readonly seed: number;
  readonly plan: readonly PlannedOutage[];
  readonly targets: Readonly<Record<string, OutageTarget>>;
  readonly clock: Clock;
  /** Ends the run early: an outage that has begun is healed, and none follows. */
  readonly signal: AbortSignal;
  /** Gets each line of the record as it comes, the plan first. */
  readonly record?: (line: OutageLine) => void;
}

export async function runOutages({
  run,
  seed,
  plan,
  targets,
  clock,
  signal,
  record,
}: RunningOutages): Promise<OutageRun> {
  const startMs = clock.nowMs();
  const sinceStartMs = (): number => clock.nowMs() - startMs;
  const lines: OutageLine[] = [];
  const note = (line: OutageLine): void => {
    lines.push(line);
    record?.(line);
  };
  const carryOut = async (planned: PlannedOutage): Promise<void> => {
    const about = { ...planned, fault: faultName(planned.target, planned.outage) };
    try {
      const target = targets[planned.target];
      if (target === undefined) throw new Error(`there is no target ${planned.target}`);
      const begunMs = sinceStartMs();
      await target.begin(planned.outage);
      note({ line: 'begun', ...about, begunMs });
      await waited(begunMs + planned.forMs - sinceStartMs(), signal);
      const endedMs = sinceStartMs();
      await target.heal(planned.outage);
      note({ line: 'fired', ...about, begunMs, endedMs });
    } catch (error) {
      note({ line: 'failed', ...about, error: describeError(error) });
    }
  };

  note(planLine(run, seed, plan));
  const lanes = Map.groupBy(
    plan.toSorted((a, b) => a.atMs - b.atMs),
    ({ target }) => target,
  );
  const follow = async (lane: readonly PlannedOutage[]): Promise<void> => {
    for (const planned of lane) {
      if (!(await waited(planned.atMs - sinceStartMs(), signal))) return;
      await carryOut(planned);
    }
  };
  await Promise.all([...lanes.values()].map(follow));
  const happened = lines.flatMap((line) => (line.line === 'fired' ? [line] : []));
  const failed = lines.flatMap((line) => (line.line === 'failed' ? [line] : []));
  return { ...judgeOutages(lines), happened, failed };
}

interface Breakable<O> {
  readonly begin: (outage: O) => unknown;
  readonly heal: (outage: O) => unknown;
}

/** A part of a run: its process, the link to it, or both. */
export function partTarget(part: {
  readonly process?: Breakable<ProcessOutage>;
  readonly link?: Breakable<LinkOutage>;
}): OutageTarget {
  const ask = async (verb: 'begin' | 'heal', outage: Outage): Promise<void> => {
    if (isProcessOutage(outage)) {
      if (part.process === undefined) throw new Error(`${outage} cannot happen to a link`);
      await part.process[verb](outage);
    } else {
      if (part.link === undefined) throw new Error(`${outage} cannot happen to a process`);
      await part.link[verb](outage);
    }
  };
  return { begin: (outage) => ask('begin', outage), heal: (outage) => ask('heal', outage) };
}

/** False where the run ended before the time was up. */
async function waited(durationMs: number, signal: AbortSignal): Promise<boolean> {
  await sleep(Math.max(0, durationMs), undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
