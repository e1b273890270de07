// `pmc service stop|start|restart NAME`: asks the supervisor, waits until it is done, prints the state then.
import type { Command } from 'commander';
import { askService } from '../supervisor/control-client.ts';
import { SERVICE_NAMES } from '../supervisor/services.ts';
import { SERVICE_VERBS } from '../supervisor/stack-status.ts';
import type { Cli } from './cli.ts';
import { stackOf } from './stack-access.ts';

export function addService(program: Command, cli: Cli): void {
  const service = program.command('service').description('stop, start or restart one service of the running stack');
  for (const verb of SERVICE_VERBS) {
    service
      .command(verb)
      .description(`${verb} a service and wait until that is done`)
      .argument('<name>', `one of: ${SERVICE_NAMES.join(', ')}`)
      .option('--json', 'the state as JSON')
      .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
        if (!SERVICE_NAMES.some((known) => known === name)) {
          command.error(`error: unknown service '${name}'; known: ${SERVICE_NAMES.join(', ')}`);
        }
        const status = await askService(stackOf(cli), name, verb);
        cli.stdout.write(json ? `${JSON.stringify(status)}\n` : `${status.name} ${status.state}\n`);
      });
  }
}
