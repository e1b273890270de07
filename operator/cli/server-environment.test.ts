// Where a verb finds its servers, and what it is told of a stack's registry along with its address.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { identityOf } from '../../service/process-identity.ts';
import { stackPlace, writeStackFile } from '../../service/stack-file.ts';
import { type ServerVariable, serverEnvironment } from './server-environment.ts';

/** The folder of a stack that this process is said to hold. */
function homeOfStack(): string {
  const home = mkdtempSync(join(tmpdir(), 'pmc-cli-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const place = stackPlace(home);
  mkdirSync(place.run);
  const supervisor = identityOf(process.pid);
  if (supervisor === undefined) throw new Error('this process cannot be told from others');
  writeStackFile(place, {
    schemaVersion: 1,
    supervisor,
    control: { url: 'http://127.0.0.1:9409', token: 't' },
    artifacts: home,
    addresses: { brokers: ['127.0.0.1:1'], registryUrl: 'http://127.0.0.1:2', databaseUrl: 'postgres://127.0.0.1:3' },
  });
  return home;
}

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
