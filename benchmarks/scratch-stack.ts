// A whole stack of its own for a benchmark: in a scratch folder, on shifted ports, stopped and deleted at the end. Fetched
// servers are shared with the project's own state folder, so that nothing is downloaded twice.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateFolder } from '../compose/embedded/state-folder.ts';
import { askStatus } from '../operator/supervisor/control-client.ts';
import type { StackStatus } from '../operator/supervisor/stack-status.ts';
import type { Environment } from '../service/config.ts';
import { runningStack } from '../service/stack-file.ts';

const PMC = fileURLToPath(new URL('../operator/cli/pmc.ts', import.meta.url));
const ARTIFACTS = fileURLToPath(new URL('../.pmc/artifacts', import.meta.url));
const PORT_OFFSET = 21_000;

export interface ScratchStack {
  readonly status: StackStatus;
  stop(): Promise<void>;
}

export async function startScratchStack(inherited: Environment, settings: Environment): Promise<ScratchStack> {
  const home = mkdtempSync(join(tmpdir(), 'pmc-bench-'));
  const own = { PMC_HOME: home, PMC_ARTIFACTS: ARTIFACTS, PMC_PORT_OFFSET: String(PORT_OFFSET), PMC_LOG_LEVEL: 'warn' };
  const env = {
    PATH: inherited['PATH'],
    HOME: inherited['HOME'],
    JAVA_HOME: inherited['JAVA_HOME'],
    ...own,
    ...settings,
  };
  const child = spawn(process.execPath, [PMC, 'up'], { stdio: ['ignore', 'pipe', 'inherit'], env });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  };
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => chunk.toString().includes('pmc ready') && resolve(true));
    child.once('close', () => resolve(false));
  });
  if (!(await ready)) {
    await stop();
    throw new Error('the stack for the benchmark did not start; the reason is above');
  }
  return { status: await askStatus(runningStack(stateFolder({ home, artifacts: undefined }))), stop };
}
