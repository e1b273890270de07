// Which process or link breaks when, how and for how long. Pure: the same seed and wishes give the same plan. Outages of
// one target never overlap, so that the end of one does not heal another; those of different targets may. Each target goes
// through all that may happen to it, in a drawn order, before anything happens to it twice.
import { createHash } from 'node:crypto';
import { PmcError } from '../../service/errors.ts';
import { below, type Random, seededRandom } from '../../service/random.ts';
import { faultName, type Outage } from './outages.ts';

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

/** SHA-256 in lower-case hex: two runs with the same one were to suffer the same. */
export function outagePlanHash(plan: readonly PlannedOutage[]): string {
  const lines = plan.map(({ atMs, forMs, target, outage }) => JSON.stringify([atMs, forMs, faultName(target, outage)]));
  return createHash('sha256').update(lines.join('\n')).digest('hex');
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
  let deck: Outage[] = [];
  return Array.from({ length: times }, (_, index) => {
    const lasting = Math.round(forMs.min + random() * (forMs.max - forMs.min));
    const atMs = Math.round(index * shareMs + random() * (shareMs - lasting - restMs));
    if (deck.length === 0) deck = [...outages];
    const [outage = 'kill'] = deck.splice(below(random, deck.length), 1);
    return { atMs, forMs: lasting, target, outage };
  });
}
