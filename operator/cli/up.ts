// `pmc up`: starts the whole stack, says so in one line on stdout, and keeps it running until it is told to stop.
// Ctrl-C (or SIGTERM, or a closed terminal) stops all in order; a second Ctrl-C hurries.
import type { Command } from 'commander';
import { createProgress } from '../../compose/processes/progress.ts';
import { PmcError } from '../../service/errors.ts';
import { readSupervisorConfig } from '../supervisor/config.ts';
import { Supervisor, type SupervisorOptions } from '../supervisor/supervisor.ts';
import type { Cli } from './cli.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may arrive twice: from the terminal and from npm, which passes it on. */
const SAME_KEYSTROKE_MS = 1_000;

export function addUp(program: Command, cli: Cli): void {
  program
    .command('up')
    .description('start Kafka, the schema registry, PostgreSQL and all services, and keep them running')
    .action(async () => await up(cli));
}

export async function up(cli: Cli, replaced: Pick<SupervisorOptions, 'mains' | 'bootstrap'> = {}): Promise<void> {
  const { environment, stdout, stderr } = cli;
  const config = readSupervisorConfig(environment);
  // A terminal that went away must not take the supervisor with it before everything is stopped.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const progress = createProgress(stderr);
  const supervisor = new Supervisor({ config, environment, progress, ...replaced });
  const interrupted = whenInterrupted(supervisor, (line) => progress.note(line));
  try {
    const started = supervisor.start();
    started.catch(() => undefined); // After an interruption nobody waits for it any more.
    const consoleUrl = await Promise.race([started, interrupted]);
    if (consoleUrl === undefined) throw new PmcError('PMC_INTERRUPTED', 'stopped before it was ready');
    stdout.write(`pmc ready console=${consoleUrl}\n`);
    await interrupted;
  } finally {
    const step = supervisor.hasStarted ? progress.step('pmc', 'stopping everything') : undefined;
    await supervisor.stop();
    step?.end('everything is stopped');
  }
}

/** Resolves at the first signal; a later one hurries the stop. */
function whenInterrupted(supervisor: Supervisor, note: (line: string) => void): Promise<undefined> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        const nowMs = performance.now();
        if (firstMs === undefined) {
          firstMs = nowMs;
          resolve(undefined);
        } else if (nowMs - firstMs > SAME_KEYSTROKE_MS) {
          note('stopping at once');
          void supervisor.stop({ hurry: true });
        }
      });
    }
  });
}
