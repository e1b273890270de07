// The other end of reader-process.ts: starts a member in its process, keeps what it says, stops or kills it.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Handled } from './read-verdict.ts';
import type { Recording } from './recording-reader.ts';

const PROCESS = fileURLToPath(new URL('./reader-process.ts', import.meta.url));

export interface ProcessRecording extends Omit<Recording, 'handle'> {
  readonly member: string;
  /** How long a batch takes. */
  readonly handleMs: number;
}

export class ReaderMember {
  readonly handled: Handled[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(recording: ProcessRecording) {
    this.#child = fork(PROCESS, [JSON.stringify(recording)], { execArgv: [], serialization: 'advanced' });
    this.#child.on('message', (handled) => this.handled.push(handled as Handled));
    this.#exited = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** In order: it leaves its group. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.send('stop');
    await this.#exited;
  }

  /** As a power cut: the group does not hear of it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
