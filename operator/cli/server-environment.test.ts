// Where a verb finds its servers, and what it is told of a stack's registry along with its address.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { homeOfStack } from '../../service/stack-file.testing.ts';
import { type ServerVariable, serverEnvironment } from './server-environment.ts';

const BOTH: readonly ServerVariable[] = ['DATABASE_URL', 'PMC_REGISTRY_URL'];

test('what the environment names wins, the rest is of the running stack, with the answers that its registry gave', () => {
  const home = homeOfStack();
  const found = (environment: Record<string, string>, needed = BOTH) => {
    const cli = { environment: { PMC_HOME: home, ...environment }, stdout: process.stdout, stderr: process.stderr };
    const { PMC_HOME: _, ...servers } = serverEnvironment({ ...cli, endWith: () => undefined }, needed);
    return servers;
  };
  const [database, registry] = ['postgres://127.0.0.1:3', 'http://127.0.0.1:2'];
  const ofStack = { PMC_REGISTRY_URL: registry, PMC_SCHEMA_CACHE: join(home, 'schemas') };
  expect(found({})).toEqual({ DATABASE_URL: database, ...ofStack });
  expect(found({ DATABASE_URL: 'postgres://mine' })).toEqual({ DATABASE_URL: 'postgres://mine', ...ofStack });
  const elsewhere = { PMC_SCHEMA_CACHE: '/elsewhere' };
  expect(found(elsewhere)).toEqual({ DATABASE_URL: database, ...ofStack, ...elsewhere });
  expect(found({}, ['DATABASE_URL'])).toEqual({ DATABASE_URL: database });
  const another = { PMC_REGISTRY_URL: 'http://another' };
  expect(found(another)).toEqual({ DATABASE_URL: database, ...another });
});
