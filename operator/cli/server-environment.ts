// Where the servers are that a command works on: what the environment names wins, the rest comes from the running stack,
// which is only asked when something is missing.
import type { Environment } from '../../service/config.ts';
import type { StackFile } from '../../service/stack-file.ts';
import type { Cli } from './cli.ts';
import { stackOf, stateFolderOf } from './stack-access.ts';

const OF_STACK = {
  PMC_KAFKA_BROKERS: ({ brokers }: StackFile['addresses']) => brokers.join(','),
  PMC_REGISTRY_URL: ({ registryUrl }: StackFile['addresses']) => registryUrl,
  DATABASE_URL: ({ databaseUrl }: StackFile['addresses']) => databaseUrl,
} as const;

export type ServerVariable = keyof typeof OF_STACK;

/**
 * With a stack's registry comes what it told the services, so that a command decodes what they decode, and refuses what they refuse.
 * Throws PMC_NO_STACK where a variable is not set and no stack runs.
 */
export function serverEnvironment(cli: Cli, needed: readonly ServerVariable[]): Environment {
  const missing = needed.filter((variable) => !cli.environment[variable]);
  if (missing.length === 0) return cli.environment;
  const { addresses } = stackOf(cli);
  const schemaCache = cli.environment['PMC_SCHEMA_CACHE'] || stateFolderOf(cli).schemas;
  return {
    ...cli.environment,
    ...(missing.includes('PMC_REGISTRY_URL') && { PMC_SCHEMA_CACHE: schemaCache }),
    ...Object.fromEntries(missing.map((variable) => [variable, OF_STACK[variable](addresses)])),
  };
}
