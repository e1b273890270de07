// chaos-socket: a seeded chat source with a ledger of what it sent. Runs as a service, or prints a plan's fingerprint.
import { describeError, PmcError } from '../../service/errors.ts';
import { runService } from '../../service/lifecycle.ts';
import { readCommandLine } from './command-line.ts';
import { chaosSettings } from './config.ts';
import { planHashOf } from './plan-command.ts';
import { startChaosSocket } from './server.ts';

const invocation = readCommandLine(process.argv.slice(2), process.env);
switch (invocation.do) {
  case 'serve':
    await runService('chaos-socket', invocation.environment, chaosSettings, startChaosSocket);
    break;
  case 'print-plan-hash':
    try {
      // Not on stdout, which is the hash for whoever compares it.
      const onDrawn = (seed: number): boolean => process.stderr.write(`seed ${seed}\n`);
      process.stdout.write(`${planHashOf(invocation.environment, onDrawn)}\n`);
    } catch (error) {
      process.stderr.write(`chaos-socket: ${describeError(error)}\n`);
      process.exitCode = error instanceof PmcError ? error.exitCode : 1;
    }
    break;
  case 'explain':
    (invocation.exitCode === 0 ? process.stdout : process.stderr).write(invocation.text);
    process.exitCode = invocation.exitCode;
    break;
}
