// `pmc topics create`: creates the topics that are missing, and refuses those whose settings would lose records.
import { type Command, InvalidArgumentError } from 'commander';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { clusterSettings } from '../../kafka/config.ts';
import { readSettings } from '../../service/config.ts';
import type { Cli } from './cli.ts';
import { serverEnvironment } from './server-environment.ts';

const BROKERS_MAX = 1_000;

export function addTopics(program: Command, cli: Cli): void {
  program
    .command('topics')
    .description('the topics of the log')
    .command('create')
    .description('create the topics that are missing (PMC_KAFKA_BROKERS, else the running stack)')
    .option(
      '--brokers-min <count>',
      'create none while the cluster has fewer brokers; 3 give three replicas',
      brokerCount,
      1,
    )
    .action(async ({ brokersMin }: { readonly brokersMin: number }) => {
      const cluster = readSettings(serverEnvironment(cli, ['PMC_KAFKA_BROKERS']), clusterSettings);
      const created = await ensureTopics(cluster, { brokersMin });
      cli.stdout.write(created.length === 0 ? 'all topics exist\n' : `created ${created.join(', ')}\n`);
    });
}

function brokerCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= BROKERS_MAX) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${BROKERS_MAX}.`);
}
