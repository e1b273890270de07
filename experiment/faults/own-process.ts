// A process that the run itself started, and what may happen to it. There is no way to name another one: a signal goes only
// to a child of this process that has not been seen to end, whose number therefore cannot belong to anybody else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { PROCESS_OUTAGES } from './outage-plan.ts';

export type ProcessOutage = (typeof PROCESS_OUTAGES)[number];

export interface ProcessToRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Resolves when a fresh process can be used. */
  readonly ready: (child: ChildProcess) => Promise<void>;
}

/** An end in order that takes longer than this is helped along. */
const END_WITHIN_MS = 10_000;

export class OwnProcess {
  readonly #wanted: ProcessToRun;
  #child: ChildProcess;
  #starts = 1;

  static async start(wanted: ProcessToRun): Promise<OwnProcess> {
    const child = launch(wanted);
    await wanted.ready(child);
    return new OwnProcess(wanted, child);
  }

  private constructor(wanted: ProcessToRun, child: ChildProcess) {
    this.#wanted = wanted;
    this.#child = child;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get starts(): number {
    return this.#starts;
  }

  async begin(outage: ProcessOutage): Promise<void> {
    switch (outage) {
      case 'kill':
        await this.#end('SIGKILL');
        return;
      case 'freeze':
        this.#signal('SIGSTOP');
        return;
      case 'restart':
        await this.#end('SIGTERM');
        return;
    }
  }

  async heal(outage: ProcessOutage): Promise<void> {
    if (outage === 'freeze') {
      this.#signal('SIGCONT');
      return;
    }
    this.#child = launch(this.#wanted);
    this.#starts += 1;
    await this.#wanted.ready(this.#child);
  }

  /** For good, also when it is frozen. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill('SIGCONT');
    await this.#end('SIGTERM');
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.isRunning || !this.#child.kill(signal)) {
      throw new Error(`process ${this.pid} has ended, ${signal} cannot reach it`);
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#signal(signal);
    const forced = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS);
    await ended;
    clearTimeout(forced);
  }
}

function launch({ command, args, environment }: ProcessToRun): ChildProcess {
  return spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
}
