// What can break around a system under test, by name. A part of the run and what happens to it make a fault: `log_down`,
// `database_slow`, `communicator_killed`, `source_half_open`. Pure. The simulator's own faults are those of a chat source; these
// are those of processes and networks, and only of processes and links that the run itself made.

interface About {
  /** The second half of a fault's name. */
  readonly as: string;
  readonly does: string;
}

/** What can happen to a process, and to everything that it has started. */
export const PROCESS_OUTAGES = {
  kill: { as: 'killed', does: 'SIGKILL, as a loss of power; started again when its time is over.' },
  freeze: { as: 'frozen', does: 'SIGSTOP: its connections stay and nothing is answered; then SIGCONT.' },
  restart: { as: 'restarted', does: 'Asked to end, in order; started again when its time is over.' },
} as const satisfies Readonly<Record<string, About>>;

/** What can happen to a link: to the bytes between a part and those who dial it. */
export const LINK_OUTAGES = {
  cut: { as: 'cut', does: 'Every connection ends in order (FIN); new ones pass.' },
  reset: { as: 'reset', does: 'Every connection breaks (RST); new ones pass.' },
  refuse: { as: 'down', does: 'Every connection breaks, and new ones break at once.' },
  delay: { as: 'slow', does: 'Bytes take longer, in both directions, in order.' },
  throttle: { as: 'thin', does: 'Few bytes a second pass in each direction; the rest waits.' },
  loss: { as: 'lossy', does: 'Packets get lost; TCP sends them again.' },
  blackhole: { as: 'unreachable', does: 'Bytes vanish in both directions, connections stay.' },
  'half-open': { as: 'half_open', does: 'What the part says vanishes, what it is told arrives.' },
} as const satisfies Readonly<Record<string, About>>;

export type ProcessOutage = keyof typeof PROCESS_OUTAGES;
export type LinkOutage = keyof typeof LINK_OUTAGES;
export type Outage = ProcessOutage | LinkOutage;

const OUTAGES: Readonly<Record<Outage, About>> = { ...PROCESS_OUTAGES, ...LINK_OUTAGES };

/** The parts that a run of the whole system has, and what must follow when one of them breaks. */
export const PARTS = {
  log: {
    breaks: ['process', 'link'],
    expects:
      'frames wait or are spooled, sources are paused; nothing is acknowledged that the log does not have; nothing lost',
  },
  database: {
    breaks: ['process', 'link'],
    expects: 'batches wait, no offset is committed before its rows are; nothing lost, nothing stored twice',
  },
  communicator: {
    breaks: ['process'],
    expects:
      'frames that were not on the log are sent again by a source that counts; from one that does not, at most the end of a connection is lost, and named',
  },
  persistence: {
    breaks: ['process'],
    expects: 'the group goes on where it had committed; nothing lost, nothing stored twice',
  },
  source: { breaks: ['link'], expects: 'dialled again; as with a connection that the source itself breaks' },
} as const satisfies Readonly<Record<string, { breaks: readonly ('process' | 'link')[]; expects: string }>>;

export type Part = keyof typeof PARTS;

/** `log` and `refuse` are `log_down`. */
export function faultName(target: string, outage: Outage): string {
  return `${target}_${OUTAGES[outage].as}`;
}

export function isProcessOutage(outage: Outage): outage is ProcessOutage {
  return Object.hasOwn(PROCESS_OUTAGES, outage);
}

/** What can happen to a part, each with the fault's name. */
export function faultsOf(
  part: Part,
): readonly { readonly fault: string; readonly outage: Outage; readonly does: string }[] {
  return PARTS[part].breaks.flatMap((kind) => {
    const outages = Object.keys(kind === 'process' ? PROCESS_OUTAGES : LINK_OUTAGES) as readonly Outage[];
    return outages.map((outage) => ({ fault: faultName(part, outage), outage, does: OUTAGES[outage].does }));
  });
}
