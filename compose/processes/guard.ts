// Keeps a warden beside the supervisor: starts it, starts it again should it end, and dismisses it when all is stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../service/config.ts';

const WARDEN = fileURLToPath(new URL('./warden.ts', import.meta.url));
const RESTART_MS = 1_000;

export interface Guard {
  readonly pid: number | undefined;
  dismiss(): Promise<void>;
}

/** Resolves when the warden watches. */
export async function startGuard(
  files: { registerFile: string; logFile: string },
  environment: Environment,
): Promise<Guard> {
  let isDismissed = false;
  let warden = spawnWarden(files, environment);
  const watch = (): void => {
    warden.once('exit', () => {
      if (isDismissed) return;
      setTimeout(() => {
        if (isDismissed) return;
        warden = spawnWarden(files, environment);
        watch();
      }, RESTART_MS).unref();
    });
  };
  await new Promise<void>((resolve, reject) => {
    warden.once('message', () => resolve());
    warden.once('error', reject);
    warden.once('exit', (code) => reject(new Error(`the warden ended with exit code ${code} at its start`)));
  });
  warden.removeAllListeners('exit');
  watch();
  return {
    get pid() {
      return warden.pid;
    },
    async dismiss() {
      isDismissed = true;
      if (warden.exitCode !== null || !warden.connected) return;
      const exited = new Promise((resolve) => warden.once('exit', resolve));
      warden.send({ dismissed: true }, () => warden.disconnect());
      await exited;
    },
  };
}

function spawnWarden(files: { registerFile: string; logFile: string }, environment: Environment): ChildProcess {
  const log = openSync(files.logFile, 'a', 0o600);
  const warden = spawn(process.execPath, [WARDEN, files.registerFile], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...environment },
  });
  closeSync(log);
  return warden;
}
