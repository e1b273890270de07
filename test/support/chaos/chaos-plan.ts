// What happens in one seeded run of the whole system: what strikes at the source, which server breaks, and where a service kills
// itself. Pure: the seed says it all. Kill points, outages and classes go round, so that each has its turn within twenty seeds.
import type { Outage } from '../../../experiment/faults/outages.ts';
import { below, type Random, seededRandom } from '../../../service/random.ts';

/** By the order of effects of each service, with the occurrences at which it dies there, at most. */
const OF_GATEWAY = {
  'communicator.numbered': 40,
  'communicator.spooled': 8,
  'communicator.appended': 10,
  'communicator.acknowledged': 10,
  'communicator.checkpointed': 3,
  'communicator.recovered': 1,
} as const;
const BEHIND_THE_LOG = {
  'persistence.batch.decoded': 2,
  'audit.batch.taken': 3,
  'persistence.copy.sent': 2,
  'audit.round.judged': 2,
  'persistence.rows.inserted': 1,
  'audit.findings.stored': 2,
  'persistence.rows.committed': 2,
  'persistence.fold.written': 1,
  'audit.report.stored': 2,
  'persistence.fold.committed': 1,
} as const;
const OCCURRENCES = { ...OF_GATEWAY, ...BEHIND_THE_LOG };

export type ChaosPoint = keyof typeof OCCURRENCES;
export const CHAOS_POINTS = Object.keys(OCCURRENCES) as ChaosPoint[];

/** What the run can know at best: a kill of the gateway leaves an end that nobody knows, a source that gives up leaves a gap. */
export const CLASSES = ['all is known', 'ends are unknown', 'the source loses'] as const;
export type ChaosClass = (typeof CLASSES)[number];

export interface Breakage {
  readonly part: 'log' | 'database';
  readonly outage: Outage;
  readonly forMs: number;
}

export interface ChaosPlan {
  readonly seed: number;
  readonly class: ChaosClass;
  readonly point: ChaosPoint;
  readonly nth: number;
  readonly breakage: Breakage | undefined;
  /** Whether a second persistence comes and goes, so that the partitions move. */
  readonly rebalance: boolean;
  /** As in a schedule file of the simulator; times are seconds of its plan. */
  readonly faults: readonly object[];
}

export const LOAD_SECONDS = 3;
export const LOAD_RATE = 100;
/** Paths of the simulator: one source that cannot send again, one that counts. */
export const PLAIN_SOURCE = '/source-1';
export const COUNTING_SOURCE = '/source-2';

const BREAKAGES: readonly (readonly [Breakage['part'], Outage] | undefined)[] = [
  ['database', 'refuse'],
  ['log', 'restart'],
  ['database', 'kill'],
  ['log', 'reset'],
  undefined,
  ['database', 'reset'],
  ['log', 'kill'],
  ['log', 'refuse'],
  ['database', 'freeze'],
  ['database', 'restart'],
];

/** Each leads to a state that the ledger knows for certain. */
const FAULTS: Readonly<Record<string, object>> = {
  duplicate: { times: 3 },
  reorder: { window: 3, atMostMs: 500 },
  delay: { byMs: 200 },
  jitter: {},
  malformed: {},
  oversize: {},
  deep: {},
  unknown_event: {},
  missing_id: {},
  missing_chat: {},
  clock_skew: {},
  clock_jump: {},
  bad_ts: {},
  late_ref: {},
  id_conflict: {},
  burst: { frames: 50 },
  stall: { forMs: 300 },
  slow_reader: { forMs: 300 },
  abrupt_close: {},
  close_code: { code: 4_001 },
  drop_tail: { frames: 2 },
};
const COUNTING_FAULTS: Readonly<Record<string, object>> = {
  ack_loss: { acks: 2 },
  nack: { acks: 1 },
  close_before_ack: {},
  drop: { recoverable: true },
};
const REPEATS = { fault: 'duplicate', source: PLAIN_SOURCE, probability: 0.2, options: { times: 2 } };
const FAULTS_PER_RUN = 3;

/**
 * `seeds` is how many there are: the classes follow each other, since what is lost once stays on the books. Seeds above it are
 * of the last class, for a point that was not hit: there the first occurrence will do.
 */
export function chaosPlan(seed: number, seeds: number, wanted?: ChaosPoint): ChaosPlan {
  const random = seededRandom(seed, 7);
  const third = CLASSES[Math.min(CLASSES.length - 1, Math.floor(((seed - 1) * CLASSES.length) / seeds))] as ChaosClass;
  const point = wanted ?? pointOf(seed, Math.ceil(seeds / CLASSES.length), third);
  const breakage = BREAKAGES[seed % BREAKAGES.length];
  return {
    seed,
    class: third,
    point,
    nth: 1 + (wanted === undefined ? below(random, OCCURRENCES[point]) : 0),
    breakage: breakage && { part: breakage[0], outage: breakage[1], forMs: 500 + below(random, 1_000) },
    // A persistence that is to die needs all the work for itself.
    rebalance: below(random, 3) === 0 && !point.startsWith('persistence.'),
    // Rows are inserted one by one where a batch holds what is there already.
    faults: [
      ...(point === 'persistence.rows.inserted' ? [REPEATS] : []),
      ...sourceFaults(random),
      ...(third === 'the source loses' ? losses(random) : []),
    ],
  };
}

/** Those behind the log first, then those of the gateway in turn with the rest. */
function pointOf(seed: number, firsts: number, ofClass: ChaosClass): ChaosPoint {
  const behind = Object.keys(BEHIND_THE_LOG) as ChaosPoint[];
  if (ofClass === 'all is known') return behind[(seed - 1) % behind.length] as ChaosPoint;
  const rest = [...behind.slice(firsts % behind.length), ...behind.slice(0, firsts % behind.length)];
  const mixed = (Object.keys(OF_GATEWAY) as ChaosPoint[]).flatMap((point, index) => [point, rest[index] as ChaosPoint]);
  return mixed[(seed - 1 - firsts) % mixed.length] as ChaosPoint;
}

function sourceFaults(random: Random): readonly object[] {
  return Array.from({ length: FAULTS_PER_RUN }, () => {
    const source = below(random, 2) === 0 ? PLAIN_SOURCE : COUNTING_SOURCE;
    const faults = Object.entries(source === PLAIN_SOURCE ? FAULTS : { ...FAULTS, ...COUNTING_FAULTS });
    const [fault, options] = faults[below(random, faults.length)] as [string, object];
    const kinds = ['late_ref', 'id_conflict'].includes(fault) ? { kinds: ['message'] } : {};
    return { fault, source, probability: 0.05, times: 1 + below(random, 3), options, ...kinds };
  });
}

function losses(random: Random): readonly object[] {
  const times = 1 + below(random, 4);
  return [{ fault: 'drop', source: COUNTING_SOURCE, probability: 0.05, times, options: { recoverable: false } }];
}
