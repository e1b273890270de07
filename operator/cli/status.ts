// `pmc status`: what runs, where, and how it is.
import type { Command } from 'commander';
import { askStatus } from '../supervisor/control-client.ts';
import type { Cli } from './cli.ts';
import { stackOf } from './stack-access.ts';
import { statusText } from './status-text.ts';

export function addStatus(program: Command, cli: Cli): void {
  program
    .command('status')
    .description('show services, servers and addresses of the running stack')
    .option('--json', 'as JSON, with the database password')
    .action(async ({ json }: { json?: boolean }) => {
      const status = await askStatus(stackOf(cli));
      cli.stdout.write(json ? `${JSON.stringify(status)}\n` : statusText(status));
    });
}
