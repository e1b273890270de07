// `pmc down`: ends the running stack as Ctrl-C in its terminal would, and returns when nothing of it runs any more.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { lockHolder } from '../../compose/processes/run-lock.ts';
import { PmcError } from '../../service/errors.ts';
import { isAlive, type ProcessIdentity } from '../../service/process-identity.ts';
import { noStack } from '../../service/stack-file.ts';
import type { Cli } from './cli.ts';
import { stateFolderOf } from './stack-access.ts';

const POLL_MS = 100;
/** Longer than services and servers have, one after the other. */
const WAIT_MAX_MS = 120_000;

export function addDown(program: Command, cli: Cli): void {
  program
    .command('down')
    .description('end the running stack, in order, and wait until nothing of it runs')
    .action(async () => {
      const folder = stateFolderOf(cli);
      // The lock and not the stack file: it is there from the first moment of a start.
      const supervisor = lockHolder(join(folder.run, 'lock'));
      if (supervisor === undefined) throw noStack(folder);
      terminate(supervisor);
      for (let waitedMs = 0; isAlive(supervisor); waitedMs += POLL_MS) {
        if (waitedMs >= WAIT_MAX_MS) {
          const message = `the supervisor (pid ${supervisor.pid}) still stops; \`pmc down\` once more hurries it`;
          throw new PmcError('PMC_STOP_OVERDUE', message, { pid: supervisor.pid });
        }
        await sleep(POLL_MS);
      }
      cli.stdout.write(`the stack on ${folder.home} is stopped\n`);
    });
}

function terminate({ pid }: ProcessIdentity): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    // Gone between the look and the signal: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
