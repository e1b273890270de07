// What gateways have said of a topic that was deleted and made again since: the offsets that they named are of a log that is gone, and so
// is what lay below them. A gateway that lives on does not notice, and names the highest offset it was ever given: one that it names later
// is of the new log only where it is higher. Pure.
import type { Epoch } from './epoch-claims.ts';
import { APART_MS } from './sightings.ts';

export interface FormerLog {
  readonly topic: string;
  /** When the topic was first seen to be another one, by the audit's clock. */
  readonly seenMs: number;
}

/** What of an epoch is of the former log. */
export interface Former {
  /** Its frames up to this one may have been there; undefined: all of them. */
  readonly upTo: number | undefined;
  /** Ends up to these, by `topic-partition`, may be its offsets. */
  readonly ends: ReadonlyMap<string, bigint>;
}

/** Undefined where the epoch began later. */
export function formerOf({ marks, recent, ends }: Epoch, log: FormerLog | undefined): Former | undefined {
  if (log === undefined) return undefined;
  const untilMs = log.seenMs + APART_MS;
  const all = [...marks, ...recent];
  if (!all.some(({ atMs }) => atMs <= untilMs)) return undefined;
  // Not the last one of before: not every checkpoint is remembered, and one that is not may have named a higher offset.
  const later = all.filter(({ atMs }) => atMs > untilMs).sort((a, b) => a.number - b.number)[0];
  const named = [...(later?.ends ?? ends)].filter(([name]) => isOf(name, log));
  return { upTo: later?.received, ends: new Map(named) };
}

export function isOfFormer(former: Former | undefined, name: string, end: bigint): boolean {
  return end <= (former?.ends.get(name) ?? -1n);
}

/** `name`: of a partition. */
export function isOf(name: string, { topic }: FormerLog): boolean {
  return name.startsWith(`${topic}-`);
}
