// Starts child processes for one supervisor. Every child leads its own process group (so that Ctrl-C on the terminal
// reaches only the supervisor, which then stops all in order), writes to its own log file and is in the register from
// its first moment to its last. After `close` nothing more can be started. What a child is for is the caller's business.
// What a full disk does not let it write down is told once, and ends neither the children nor this process.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../service/config.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { lastErrorLine } from './last-error-line.ts';
import { limitLogFile, sizeOf, tailOf } from './log-file.ts';
import { ProcessRegister, type RegisterEntry, type Stage } from './process-register.ts';

export interface ChildSpec {
  readonly name: string;
  readonly stage: Stage;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Opens a channel for messages, which also tells the child when this process is gone. */
  readonly ipc?: boolean;
  readonly stopSignal?: RegisterEntry['stopSignal'];
}

export interface ChildExit {
  /** "exit code 1", "SIGKILL" or why it could not be started. */
  readonly reason: string;
  readonly succeeded: boolean;
  /** It succeeded, or ended as the stop signal ends a program: by it, or with the exit code that stands for it, as Java does. */
  readonly inOrder: boolean;
  /** The last line of its log that tells why. */
  readonly lastLine: string | undefined;
}

export interface Child {
  readonly name: string;
  readonly stage: Stage;
  readonly pid: number | undefined;
  readonly process: ChildProcess;
  readonly logFile: string;
  /** Where this child's part of the log begins. */
  readonly logFromByte: number;
  readonly exited: Promise<ChildExit>;
  /** Asks it to end, and kills it at the deadline. May be called again with a shorter deadline. */
  end(deadline: { deadlineMs: number }): Promise<ChildExit>;
}

export interface ChildrenOptions {
  readonly registerFile: string;
  readonly logsFolder: string;
  /** Told what could not be written down; stderr when not given. */
  readonly note?: (line: string) => void;
}

const LOG_CHECK_MS = 10_000;

export class Children {
  readonly register: ProcessRegister;
  readonly #logsFolder: string;
  readonly #note: (line: string) => void;
  readonly #living = new Set<Child>();
  /** What is failing and was told. */
  readonly #failing = new Set<string>();
  readonly #logCheck: NodeJS.Timeout;
  #closed = false;

  constructor({ registerFile, logsFolder, note = (line) => process.stderr.write(`${line}\n`) }: ChildrenOptions) {
    this.register = new ProcessRegister(registerFile);
    this.#logsFolder = logsFolder;
    this.#note = note;
    mkdirSync(logsFolder, { recursive: true });
    this.#logCheck = setInterval(() => {
      for (const { logFile } of this.#living) this.#limit(logFile);
    }, LOG_CHECK_MS).unref();
  }

  start(spec: ChildSpec): Child {
    if (this.#closed) throw new PmcError('PMC_INTERRUPTED', `${spec.name} is not started: the stack is being stopped`);
    const logFile = join(this.#logsFolder, `${spec.name}.log`);
    this.#limit(logFile);
    const logFromByte = sizeOf(logFile);
    const log = openSync(logFile, 'a', 0o600);
    const { stopSignal = 'SIGTERM' } = spec;
    const started = spawn(spec.command, spec.args, {
      detached: true,
      stdio: spec.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
      env: { ...spec.environment },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.uid === undefined ? {} : { uid: spec.uid, gid: spec.gid ?? spec.uid }),
    });
    closeSync(log);
    const { pid } = started;
    const lastLine = (wasKilled: boolean) => lastErrorLine(tailOf(logFile, logFromByte), { wasKilled });
    const exited = whenExited(started, stopSignal, lastLine);
    const child: Child = {
      name: spec.name,
      stage: spec.stage,
      pid,
      process: started,
      logFile,
      logFromByte,
      exited,
      end: ({ deadlineMs }) => endChild(child, stopSignal, deadlineMs),
    };
    this.#living.add(child);
    void exited.then(() => {
      this.#living.delete(child);
      // An entry that stays on the disk harms nobody: no process has its pid and its start time any more.
      if (pid !== undefined) this.#try('the register of processes', () => this.register.forget(pid));
    });
    try {
      if (pid !== undefined) this.register.record({ name: spec.name, stage: spec.stage, pid, stopSignal });
    } catch (error) {
      // Nobody would end it when this process is killed.
      killGroup(child);
      throw error;
    }
    return child;
  }

  /** Runs a command to its end. */
  async run(spec: Omit<ChildSpec, 'stage'>): Promise<ChildExit> {
    return await this.start({ ...spec, stage: 'task' }).exited;
  }

  /** From now on nothing is started, and commands that `run` started are ended; what else runs goes on. */
  async refuseNew(deadline: { deadlineMs: number }): Promise<void> {
    this.#closed = true;
    const tasks = [...this.#living].filter(({ stage }) => stage === 'task');
    await Promise.all(tasks.map((task) => task.end(deadline)));
  }

  /** From now on nothing is started, and whatever is left is ended. */
  async close(deadline: { deadlineMs: number }): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#living].map((child) => child.end(deadline)));
    clearInterval(this.#logCheck);
  }

  #limit(logFile: string): void {
    this.#try(logFile, () => limitLogFile(logFile));
  }

  /** Bookkeeping that may fail; the next time brings it up to date. */
  #try(what: string, write: () => void): void {
    try {
      write();
      this.#failing.delete(what);
    } catch (error) {
      if (this.#failing.has(what)) return;
      this.#failing.add(what);
      this.#note(`${what} cannot be written: ${describeError(error)}`);
    }
  }
}

function whenExited(
  started: ChildProcess,
  stopSignal: NodeJS.Signals,
  lastLine: (wasKilled: boolean) => string | undefined,
): Promise<ChildExit> {
  return new Promise((resolve) => {
    started.once('error', ({ message }) => {
      if (started.pid !== undefined) return;
      resolve({ reason: `cannot be started: ${message}`, succeeded: false, inOrder: false, lastLine: undefined });
    });
    started.once('exit', (code, signal) => {
      const succeeded = code === 0;
      resolve({
        reason: signal ?? `exit code ${code}`,
        succeeded,
        inOrder: succeeded || signal === stopSignal || code === 128 + constants.signals[stopSignal],
        lastLine: lastLine(signal !== null),
      });
    });
  });
}

async function endChild(child: Child, stopSignal: NodeJS.Signals, deadlineMs: number): Promise<ChildExit> {
  child.process.kill(stopSignal);
  const overdue = setTimeout(() => killGroup(child), deadlineMs);
  const exit = await child.exited;
  clearTimeout(overdue);
  return exit;
}

function killGroup({ pid }: Child): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended just before the signal.
  }
}
