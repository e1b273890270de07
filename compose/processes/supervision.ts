// What happens to a supervised process, as a table: the state it is in, what befalls it, the state it is in then and
// what the shell has to do. Pure; the clock is an argument.
//
//   stopped ──start──► starting ──ready──► running
//      ▲                │    ▲               │
//      │             exit    │retry        exit
//    exit               ▼    │               │
//   stopping ◄──stop──  backoff ◄────────────┘      (stop leads from starting and running to stopping,
//                                                    from backoff straight to stopped)
export type ProcessState = 'starting' | 'running' | 'stopping' | 'stopped' | 'backoff';
export type ProcessEvent = 'start' | 'ready' | 'stop' | 'exit' | 'retry';
/** What the shell does: start the process, ask it to end, wait and retry, stop waiting. */
export type Effect = 'launch' | 'terminate' | 'schedule' | 'cancel' | 'none';

interface Transition {
  readonly state: ProcessState;
  readonly effect: Effect;
}

const to = (state: ProcessState, effect: Effect = 'none'): Transition => ({ state, effect });

export const TRANSITIONS: Readonly<Record<ProcessState, Readonly<Record<ProcessEvent, Transition>>>> = {
  stopped: {
    start: to('starting', 'launch'),
    ready: to('stopped'),
    stop: to('stopped'),
    exit: to('stopped'),
    retry: to('stopped'),
  },
  starting: {
    start: to('starting'),
    ready: to('running'),
    stop: to('stopping', 'terminate'),
    exit: to('backoff', 'schedule'),
    retry: to('starting'),
  },
  running: {
    start: to('running'),
    ready: to('running'),
    stop: to('stopping', 'terminate'),
    exit: to('backoff', 'schedule'),
    retry: to('running'),
  },
  stopping: {
    // Whoever wants it started again waits for `stopped` first.
    start: to('stopping'),
    ready: to('stopping'),
    // A second stop may bring a shorter deadline.
    stop: to('stopping', 'terminate'),
    exit: to('stopped'),
    retry: to('stopping'),
  },
  backoff: {
    // A person who asks for a start does not want to wait for the timer.
    start: to('starting', 'launch'),
    ready: to('backoff'),
    stop: to('stopped', 'cancel'),
    exit: to('backoff'),
    retry: to('starting', 'launch'),
  },
};

export interface Supervision {
  readonly state: ProcessState;
  /** How often it was started again after it had ended by itself. */
  readonly restarts: number;
  /** Ends in a row, without a long run between; decides how long to wait. */
  readonly failures: number;
  readonly runningSinceMs: number | undefined;
}

export const RESTART_BACKOFF = { initialMs: 500, maxMs: 30_000 };
/** After running this long a process is considered healthy again. */
export const HEALTHY_AFTER_MS = 60_000;

export const INITIAL: Supervision = { state: 'stopped', restarts: 0, failures: 0, runningSinceMs: undefined };

export function step(before: Supervision, event: ProcessEvent, nowMs: number): { after: Supervision; effect: Effect } {
  const { state, effect } = TRANSITIONS[before.state][event];
  const isRestart = before.state === 'backoff' && effect === 'launch';
  const after: Supervision = {
    state,
    restarts: before.restarts + (isRestart ? 1 : 0),
    failures: effect === 'schedule' ? failuresAfterExit(before, nowMs) : state === 'stopped' ? 0 : before.failures,
    runningSinceMs: state !== 'running' ? undefined : (before.runningSinceMs ?? nowMs),
  };
  return { after, effect };
}

function failuresAfterExit({ failures, runningSinceMs }: Supervision, nowMs: number): number {
  const wasHealthy = runningSinceMs !== undefined && nowMs - runningSinceMs >= HEALTHY_AFTER_MS;
  return wasHealthy ? 1 : failures + 1;
}
