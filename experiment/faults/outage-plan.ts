// Which process or link breaks when, how and for how long. Pure: the same seed and wishes give the same plan. Outages of
// one target never overlap, so that the end of one does not heal another; those of different targets may.
import { PmcError } from '../../service/errors.ts';
import { below, type Random, seededRandom } from '../../service/random.ts';

/** What can happen to a process: SIGKILL; SIGSTOP and later SIGCONT; an end in order and a new start. */
export const PROCESS_OUTAGES = ['kill', 'freeze', 'restart'] as const;
/** What can happen to a link: see link-proxy.ts. */
export const LINK_OUTAGES = ['cut', 'reset', 'refuse', 'delay', 'blackhole', 'half-open'] as const;
export const OUTAGES = [...PROCESS_OUTAGES, ...LINK_OUTAGES] as const;
export type Outage = (typeof OUTAGES)[number];

export interface PlannedOutage {
  readonly atMs: number;
  readonly forMs: number;
  readonly target: string;
  readonly outage: Outage;
}

export interface OutageWishes {
  readonly lengthMs: number;
  /** For each target what may happen to it, and how often it shall. */
  readonly targets: Readonly<Record<string, { readonly outages: readonly Outage[]; readonly times: number }>>;
  readonly forMs: { readonly min: number; readonly max: number };
  /** Between the end of an outage and the next one of the same target: time to recover. */
  readonly restMs: number;
}

export function planOutages(seed: number, wishes: OutageWishes): readonly PlannedOutage[] {
  const { targets } = wishes;
  return Object.keys(targets)
    .toSorted()
    .flatMap((target, lane) => planTarget(target, wishes, seededRandom(seed, lane)))
    .toSorted((a, b) => a.atMs - b.atMs || (a.target < b.target ? -1 : 1));
}

/** Each outage gets an equal share of the time, and lies anywhere in it. */
function planTarget(target: string, wishes: OutageWishes, random: Random): readonly PlannedOutage[] {
  const { lengthMs, targets, forMs, restMs } = wishes;
  const { outages = [], times = 0 } = targets[target] ?? {};
  const shareMs = lengthMs / Math.max(1, times);
  const impossible = (why: string) =>
    new PmcError('PMC_OUTAGE_PLAN_IMPOSSIBLE', `${target}: ${why}`, { target, ...forMs, restMs, lengthMs });
  if (times > 0 && outages.length === 0) throw impossible('something shall happen to it, but nothing may');
  if (forMs.min < 0 || forMs.max < forMs.min) throw impossible(`no duration lies from ${forMs.min} to ${forMs.max} ms`);
  if (forMs.max + restMs > shareMs && times > 0) {
    throw impossible(
      `${times} outages of up to ${forMs.max} ms with ${restMs} ms between do not fit into ${lengthMs} ms`,
    );
  }
  return Array.from({ length: times }, (_, index) => {
    const lasting = Math.round(forMs.min + random() * (forMs.max - forMs.min));
    const atMs = Math.round(index * shareMs + random() * (shareMs - lasting - restMs));
    return { atMs, forMs: lasting, target, outage: outages[below(random, outages.length)] ?? 'kill' };
  });
}
