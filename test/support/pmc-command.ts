// Runs `pmc` in a process of its own, with the addresses that a test gives it.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from './plain-environment.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
const OUTPUT_BYTES_MAX = 256 * 1_048_576;

export interface PmcAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function pmcCommand(
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<PmcAnswer> {
  const env = { ...plainEnvironment(), NODE_ENV: 'production', ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [PMC, ...args], { env, maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}
