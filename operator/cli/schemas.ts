// `pmc schemas register`: registers the Avro schemas; one that would break the readers of older records is refused.
import type { Command } from 'commander';
import { kafkaSettings } from '../../kafka/config.ts';
import { registerSchemas } from '../../kafka/schema-registration.ts';
import { readSettings } from '../../service/config.ts';
import type { Cli } from './cli.ts';
import { serverEnvironment } from './server-environment.ts';

export function addSchemas(program: Command, cli: Cli): void {
  program
    .command('schemas')
    .description('the schemas of the records')
    .command('register')
    .description('register the schemas of all topics (PMC_REGISTRY_URL, else the running stack)')
    .action(async () => {
      const needed = { registryUrl: kafkaSettings.registryUrl };
      const { registryUrl } = readSettings(serverEnvironment(cli, ['PMC_REGISTRY_URL']), needed);
      const ids = await registerSchemas(registryUrl);
      for (const [subject, id] of ids) cli.stdout.write(`${subject} has schema ${id}\n`);
    });
}
