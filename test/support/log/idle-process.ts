// A process that holds the connections of a service and has nothing to do, watched from outside.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClientName } from './clients-under-test.ts';

const MAIN = fileURLToPath(new URL('./idle-process/main.ts', import.meta.url));

export interface IdleOptions {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topic: string;
}

export interface Idle {
  /** Turns of its event loop. */
  readonly wakesPerSecond: number;
  /** Of one core. */
  readonly cpuShare: number;
}

export function idleOf(options: IdleOptions): Promise<Idle> {
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production' };
  const child = fork(MAIN, [JSON.stringify(options)], { execArgv: [], env });
  return new Promise((resolve, reject) => {
    child.once('message', (idle) => resolve(idle as Idle));
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`it ended with ${code} and said nothing`)));
  });
}
