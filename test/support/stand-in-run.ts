// Runs `pmc up` with stand-in services as a process of its own (test/support/stand-in-stack), so that a test can watch what
// it says, send it signals, and see what is left of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { type StateFolder, stateFolder } from '../../compose/embedded/state-folder.ts';
import { HEALTH_PORT_FIRST } from '../../operator/supervisor/config.ts';
import { askStatus } from '../../operator/supervisor/control-client.ts';
import { SERVICE_NAMES } from '../../operator/supervisor/services.ts';
import type { StackStatus } from '../../operator/supervisor/stack-status.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import { runningStack } from '../../service/stack-file.ts';
import { freePortsInARow } from './free-ports.ts';
import { plainEnvironment } from './plain-environment.ts';

const MAIN = fileURLToPath(new URL('./stand-in-stack/main.ts', import.meta.url));
const READY_WITHIN_MS = 180_000;

export interface StandInRun {
  readonly process: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly folder: StateFolder;
  status(): Promise<StackStatus>;
  ready(): Promise<StackStatus>;
}

/** A folder that only its owner may enter, as `mktemp -d` makes them. */
export function scratchHome(): string {
  return mkdtempSync(join(tmpdir(), 'pmc-stack-'));
}

/** Free ports for everything that has a variable, and an offset for what has none: the services' health pages, in a row. */
export async function scratchPorts(): Promise<Record<string, string>> {
  const variables = [
    ...['PMC_KAFKA_PORT', 'PMC_KAFKA_CONTROLLER_PORT', 'PMC_REGISTRY_PORT', 'PMC_DATABASE_PORT', 'PMC_CONTROL_PORT'],
    ...['PMC_GATEWAY_PORT', 'PMC_CONSOLE_PORT', 'WS_PORT', 'API_PORT'],
  ];
  const first = await freePortsInARow(SERVICE_NAMES.length + variables.length);
  const ports = variables.map((variable, index) => [variable, String(first + SERVICE_NAMES.length + index)]);
  return { ...Object.fromEntries(ports), PMC_PORT_OFFSET: String(first - HEALTH_PORT_FIRST) };
}

export function runStandIn(home: string, environment: Readonly<Record<string, string>>): StandInRun {
  return runStack([MAIN], home, environment);
}

/** The same watch over any program that starts a stack, e.g. the command line itself. */
export function runStack(
  program: readonly string[],
  home: string,
  environment: Readonly<Record<string, string>>,
): StandInRun {
  const child = spawn(process.execPath, [...program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...plainEnvironment(), PMC_HOME: home, ...environment },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const folder = stateFolder({ home, artifacts: undefined });
  const status = async (): Promise<StackStatus> => await askStatus(runningStack(folder));
  const ready = async (): Promise<StackStatus> => {
    await vi.waitFor(() => {
      if (child.exitCode !== null) return;
      if (!output.stdout.includes('pmc ready')) throw new Error(`not ready yet:\n${output.stderr}`);
    }, READY_WITHIN_MS);
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${output.stderr}`);
    return await status();
  };
  return { process: child, output, ended, folder, status, ready };
}

/** The pids of everything that a stack runs besides its supervisor. */
export function pidsOf({ services, servers }: StackStatus): readonly number[] {
  return [...services, ...servers].map(({ pid }) => pid).filter((pid) => pid !== null);
}

export function running(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => startTimeOf(pid) !== undefined);
}
