// The shell around supervision.ts for one process: launches it, learns when it is ready, waits before the next try when
// it ends by itself, and tells its owner every change. It never gives up; whoever waits may.
import { backoffMs } from '../../service/backoff.ts';
import { type Clock, systemClock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import type { Child } from './children.ts';
import {
  INITIAL,
  type ProcessEvent,
  type ProcessState,
  RESTART_BACKOFF,
  type Supervision,
  step,
} from './supervision.ts';

export interface Supervised {
  readonly name: string;
  launch(): Child;
  /** Resolves when the process does its work, with the address of its health page if it has one. */
  whenReady(child: Child, signal: AbortSignal): Promise<string | undefined>;
  onChange?(status: ProcessStatus): void;
}

export interface ProcessExit {
  readonly reason: string;
  readonly lastLine: string | null;
}

export interface ProcessStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly state: ProcessState;
  readonly restarts: number;
  readonly healthUrl: string | null;
  /** Why it last ended by itself, or not in order when it was asked to. */
  readonly lastExit: ProcessExit | null;
}

const DEFAULT_DEADLINE_MS = 17_000;

export class SupervisedProcess {
  readonly #what: Supervised;
  readonly #clock: Clock;
  readonly #watchers = new Set<() => void>();
  #supervision: Supervision = INITIAL;
  #child: Child | undefined;
  #healthUrl: string | null = null;
  #lastExit: ProcessExit | null = null;
  /** How its last stop went wrong. */
  #failedStop: ProcessExit | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #deadlineMs = DEFAULT_DEADLINE_MS;

  constructor(what: Supervised, clock: Clock = systemClock) {
    this.#what = what;
    this.#clock = clock;
  }

  get name(): string {
    return this.#what.name;
  }

  get status(): ProcessStatus {
    const { state, restarts } = this.#supervision;
    const pid = this.#child?.pid ?? null;
    return { name: this.name, pid, state, restarts, healthUrl: this.#healthUrl, lastExit: this.#lastExit };
  }

  /** Asks for a start and returns at once; `whenState` tells the outcome. */
  start(): void {
    this.#apply('start');
  }

  /**
   * Resolves when it has ended; killed at the deadline. A second call may bring a shorter deadline. To how it ended where that was
   * not in order: it had to be killed, or ended with an error.
   */
  async stop(
    { deadlineMs }: { deadlineMs: number } = { deadlineMs: DEFAULT_DEADLINE_MS },
  ): Promise<ProcessExit | undefined> {
    this.#deadlineMs = deadlineMs;
    this.#apply('stop');
    if (this.#supervision.state === 'stopped') return undefined;
    await this.whenState('stopped');
    return this.#failedStop;
  }

  /** Resolves with the first of these states it is in, now or later. */
  async whenState(...states: readonly ProcessState[]): Promise<ProcessState> {
    while (!states.includes(this.#supervision.state)) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
    return this.#supervision.state;
  }

  #apply(event: ProcessEvent): void {
    const before = this.#supervision.state;
    const { after, effect } = step(this.#supervision, event, this.#clock.nowMs());
    this.#supervision = after;
    switch (effect) {
      case 'launch':
        clearTimeout(this.#retryTimer);
        this.#launch();
        break;
      case 'terminate':
        void this.#child?.end({ deadlineMs: this.#deadlineMs });
        break;
      case 'schedule':
        this.#retryTimer = setTimeout(() => this.#apply('retry'), backoffMs(after.failures, RESTART_BACKOFF));
        break;
      case 'cancel':
        clearTimeout(this.#retryTimer);
        break;
      case 'none':
        break;
    }
    if (after.state === before) return;
    this.#what.onChange?.(this.status);
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const wake of watchers) wake();
  }

  #launch(): void {
    this.#failedStop = undefined;
    let child: Child;
    try {
      child = this.#what.launch();
    } catch (error) {
      this.#lastExit = { reason: describeError(error), lastLine: null };
      setImmediate(() => this.#apply('exit'));
      return;
    }
    this.#child = child;
    this.#healthUrl = null;
    const waiting = new AbortController();
    void child.exited.then(({ reason, lastLine, inOrder }) => {
      waiting.abort();
      this.#child = undefined;
      this.#healthUrl = null;
      const wasAsked = this.#supervision.state === 'stopping';
      if (!wasAsked || !inOrder) this.#lastExit = { reason, lastLine: lastLine ?? null };
      if (wasAsked && !inOrder) this.#failedStop = { reason, lastLine: lastLine ?? null };
      this.#apply('exit');
    });
    this.#what.whenReady(child, waiting.signal).then(
      (healthUrl) => {
        if (this.#child !== child) return;
        this.#healthUrl = healthUrl ?? null;
        this.#apply('ready');
      },
      () => undefined, // Not ready means that it ended; that is told by `exited`.
    );
  }
}
