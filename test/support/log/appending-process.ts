// A process that appends without end, watched from outside: what it has called acknowledged cannot be taken back by its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { ClientName } from './clients-under-test.ts';

const MAIN = fileURLToPath(new URL('./appending-process/main.ts', import.meta.url));
const DEADLINE_MS = 60_000;

export interface AppendingOptions {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
}

export class AppendingProcess {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  static start({ client, brokers, topic, partitions }: AppendingOptions): AppendingProcess {
    const args = [MAIN, client, brokers[0] ?? '', topic, String(partitions)];
    const env = { PATH: process.env['PATH'], NODE_ENV: 'production' };
    return new AppendingProcess(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env }));
  }

  private constructor(started: ChildProcess) {
    this.#process = started;
    this.#ended = new Promise((resolve) => started.once('close', resolve));
    started.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString('latin1');
    });
  }

  /** Waits until it has called this many records acknowledged. */
  async acknowledged(count: number): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.#process.exitCode !== null) throw new Error(`it ended with ${this.#process.exitCode}`);
        if (this.#acked().length < count) throw new Error(`${this.#acked().length} are acknowledged`);
      },
      { timeout: DEADLINE_MS, interval: 50 },
    );
  }

  /** Sends the signal, waits for the end, and returns what it said; `taken` is undefined if it did not get to say it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<{ acked: readonly string[]; taken: number | undefined }> {
    this.#process.kill(signal);
    await this.#ended;
    const taken = /^taken (\d+)$/m.exec(this.#output)?.[1];
    return { acked: this.#acked(), taken: taken === undefined ? undefined : Number(taken) };
  }

  /** Whole lines only: the last one may have been cut by its end. */
  #acked(): readonly string[] {
    return [...this.#output.matchAll(/^acked (\S+)\n/gm)].map(([, id = '']) => id);
  }
}
