// Rates from successive counters. A counter belongs to one process: after a restart, or when it went back, there is
// nothing to subtract from, so the rate is unknown (null) and never negative. Pure.
import type { ReadyReport, Seen } from './observation.ts';

const RATES = [
  { key: 'sent', label: 'Sent by simulator', service: 'chaos-socket', counter: 'eventsSent' },
  { key: 'received', label: 'Received', service: 'communicator', counter: 'framesReceived' },
  { key: 'appended', label: 'Appended to log', service: 'communicator', counter: 'eventsAppended' },
  { key: 'rejected', label: 'Rejected', service: 'communicator', counter: 'framesRejected' },
  { key: 'stored', label: 'Stored', service: 'persistence', counter: 'inserted' },
  { key: 'duplicates', label: 'Duplicates', service: 'persistence', counter: 'duplicate' },
  { key: 'quarantined', label: 'Quarantined', service: 'persistence', counter: 'quarantined' },
  { key: 'commands', label: 'Commands', service: 'commands', counter: 'commandsHandled' },
  { key: 'replies', label: 'Replies sent', service: 'commands', counter: 'repliesRelayed' },
  { key: 'delivered', label: 'Replies delivered', service: 'communicator', counter: 'repliesDelivered' },
] as const;
export type RateKey = (typeof RATES)[number]['key'];

export interface Rate {
  readonly key: RateKey;
  readonly label: string;
  readonly service: string;
  /** Mean of the newest known samples, null when there are none. */
  readonly perSecond: number | null;
  /** The counter itself: since the service's process started. */
  readonly total: number | null;
  /** Oldest first; null where nothing is known. */
  readonly samples: readonly (number | null)[];
}

interface Reading {
  readonly pid: number | undefined;
  readonly atMs: number;
  readonly value: number;
}

export interface RateMemory {
  readonly readings: ReadonlyMap<RateKey, Reading>;
  readonly samples: ReadonlyMap<RateKey, readonly (number | null)[]>;
}

export const NO_RATES: RateMemory = { readings: new Map(), samples: new Map() };

const SAMPLES_MAX = 120;
const MEAN_OF = 5;
/** Readings further apart than this say nothing about "now": the console rested in between. */
const APART_MAX_MS = 10_000;

export function takeRates(
  before: RateMemory,
  ready: ReadonlyMap<string, Seen<ReadyReport>>,
  pids: ReadonlyMap<string, number | undefined>,
): { rates: readonly Rate[]; memory: RateMemory } {
  const readings = new Map<RateKey, Reading>();
  const samples = new Map<RateKey, readonly (number | null)[]>();
  const known = RATES.filter(({ key, service }) => pids.has(service) || before.samples.has(key));
  const rates = known.map(({ key, label, service, counter }): Rate => {
    const seen = ready.get(service);
    const value = seen?.ok ? seen.value.facts.counters[counter] : undefined;
    const now = seen?.ok && value !== undefined ? { pid: pids.get(service), atMs: seen.atMs, value } : undefined;
    const last = before.readings.get(key);
    if (now !== undefined) readings.set(key, now);
    const history = [...(before.samples.get(key) ?? []), between(last, now)].slice(-SAMPLES_MAX);
    samples.set(key, history);
    return { key, label, service, perSecond: mean(history.slice(-MEAN_OF)), total: value ?? null, samples: history };
  });
  return { rates, memory: { readings, samples } };
}

function between(last: Reading | undefined, now: Reading | undefined): number | null {
  if (last === undefined || now === undefined || last.pid !== now.pid || now.value < last.value) return null;
  const elapsedMs = now.atMs - last.atMs;
  if (elapsedMs <= 0 || elapsedMs > APART_MAX_MS) return null;
  return ((now.value - last.value) * 1_000) / elapsedMs;
}

/** Of the known ones; null when the newest is unknown, so that an old rate is not shown as today's. */
function mean(newest: readonly (number | null)[]): number | null {
  if ((newest.at(-1) ?? null) === null) return null;
  const known = newest.filter((sample) => sample !== null);
  return known.reduce((sum, sample) => sum + sample, 0) / known.length;
}
