// vitest's global set-up of the tests that need real servers: starts them once, in a process of its own, and provides
// their addresses. The process stops them and deletes their folder when it is told to, or when this one is gone.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import type { StackMessage } from './stack-process.ts';

const PROCESS = fileURLToPath(new URL('./stack-process.ts', import.meta.url));

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const child = fork(PROCESS, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const addresses = await whenReady(child);
  project.provide('brokers', [...addresses.brokers]);
  project.provide('registryUrl', addresses.registryUrl);
  project.provide('databaseUrl', addresses.databaseUrl);
  project.provide('artifacts', addresses.artifacts);
  return async () => {
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.disconnect();
    const code = await exited;
    if (code !== 0) throw new Error(`the process that holds the test servers ended with exit code ${code}`);
  };
}

function whenReady(child: ChildProcess): Promise<StackMessage> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as StackMessage));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(
        new Error(`the test servers could not be started (${signal ?? `exit code ${code}`}); the reason is above`),
      );
    });
  });
}
