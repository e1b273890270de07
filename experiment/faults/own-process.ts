// A process that the run itself started, and what may happen to it. There is no way to name another one: a signal goes only
// to a child of this process that has not been seen to end, and to what that child has started. Should the run itself be killed,
// its warden ends them, frozen ones too.
import type { Child, Children } from '../../compose/processes/children.ts';
import { tailOf } from '../../compose/processes/log-file.ts';
import { signalTree } from '../../compose/processes/process-tree.ts';
import { pause } from '../../service/backoff.ts';
import { describeError } from '../../service/errors.ts';
import type { ProcessOutage } from './outages.ts';

export interface ProcessToRun {
  readonly launch: (children: Children) => Child;
  /** Resolves when a fresh process can be used; rejects when the signal aborts. */
  readonly whenReady: (child: Child, signal: AbortSignal) => Promise<unknown>;
  /** How long it may take to end by itself. */
  readonly stopDeadlineMs: number;
}

const READY_WITHIN_MS = 90_000;
/** A start can meet its port taken for a moment, by whoever got it while nobody listened there. Whatever else ends one is a finding. */
const PORT_IS_TAKEN = /EADDRINUSE|address already in use/i;
const STARTS_MAX = 3;
const PAUSE_BETWEEN_STARTS_MS = 2_000;

export class OwnProcess {
  readonly #wanted: ProcessToRun;
  readonly #children: Children;
  #child: Child;
  #isRunning = true;
  #starts = 1;
  readonly #failedStarts: string[] = [];
  /** What it had started when it was frozen. */
  #frozen: readonly number[] = [];

  static async start(children: Children, wanted: ProcessToRun): Promise<OwnProcess> {
    const own = new OwnProcess(children, wanted);
    await own.#ready();
    return own;
  }

  private constructor(children: Children, wanted: ProcessToRun) {
    this.#children = children;
    this.#wanted = wanted;
    this.#child = this.#launch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get starts(): number {
    return this.#starts;
  }

  /** Why a start had to be tried again, one line each. */
  get failedStarts(): readonly string[] {
    return this.#failedStarts;
  }

  async begin(outage: ProcessOutage): Promise<void> {
    switch (outage) {
      case 'kill':
        this.#signal('SIGKILL');
        await this.#child.exited;
        return;
      case 'freeze':
        this.#freeze();
        return;
      case 'restart':
        this.#signal('SIGCONT');
        await this.#child.end({ deadlineMs: this.#wanted.stopDeadlineMs });
        return;
    }
  }

  /** A process that finds its port taken is started again, up to three times; `failedStarts` names each. */
  async heal(outage: ProcessOutage): Promise<void> {
    if (outage === 'freeze') {
      this.#thaw();
      return;
    }
    for (let attempt = 1; ; attempt += 1) {
      this.#child = this.#launch();
      try {
        await this.#ready();
        this.#starts += 1;
        return;
      } catch (error) {
        const { logFile, logFromByte } = this.#child;
        const isPassing = !this.#isRunning && PORT_IS_TAKEN.test(tailOf(logFile, logFromByte));
        if (!isPassing || attempt === STARTS_MAX) throw error;
        this.#failedStarts.push(describeError(error));
        await pause(PAUSE_BETWEEN_STARTS_MS);
      }
    }
  }

  /** For good, also when it is frozen. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#thaw();
    await this.#child.end({ deadlineMs: this.#wanted.stopDeadlineMs });
  }

  #launch(): Child {
    const child = this.#wanted.launch(this.#children);
    this.#isRunning = true;
    void child.exited.then(() => {
      if (this.#child === child) this.#isRunning = false;
    });
    return child;
  }

  async #ready(): Promise<void> {
    const child = this.#child;
    const ended = new AbortController();
    const gone = child.exited.then(({ reason, lastLine }) => {
      ended.abort();
      throw new Error(`${child.name} ended with ${reason}: ${lastLine ?? 'no output'}`);
    });
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
    await Promise.race([this.#wanted.whenReady(child, signal), gone]);
  }

  #freeze(): void {
    const { name, stage } = this.#child;
    const [, ...below] = this.#signal('SIGSTOP');
    // They lead groups of their own, and a stopped process does not see that its parent is gone.
    for (const pid of below) this.#children.register.record({ name, stage, pid, stopSignal: 'SIGTERM' });
    this.#frozen = below;
  }

  #thaw(): void {
    this.#signal('SIGCONT');
    for (const pid of this.#frozen) this.#children.register.forget(pid);
    this.#frozen = [];
  }

  #signal(signal: NodeJS.Signals): readonly number[] {
    const { pid } = this.#child;
    if (!this.#isRunning || pid === undefined)
      throw new Error(`${this.#child.name} has ended, ${signal} cannot reach it`);
    return signalTree(pid, signal);
  }
}
