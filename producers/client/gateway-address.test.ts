// Where a client on a terminal looks for the gateway.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { identityOf } from '../../service/process-identity.ts';
import { stackPlace, writeStackFile } from '../../service/stack-file.ts';
import { gatewayAddress } from './gateway-address.ts';

/** The folder of a stack that this process is said to hold, or one that is gone. */
function homeOfStack({ isAlive }: { isAlive: boolean }): string {
  const home = mkdtempSync(join(tmpdir(), 'pmc-client-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const place = stackPlace(home);
  mkdirSync(place.run);
  const self = identityOf(process.pid);
  if (self === undefined) throw new Error('this process cannot be told from others');
  writeStackFile(place, {
    schemaVersion: 1,
    supervisor: isAlive ? self : { ...self, startTime: 'long ago' },
    control: { url: 'http://127.0.0.1:9409', token: 't' },
    artifacts: home,
    addresses: { brokers: ['127.0.0.1:1'], registryUrl: 'http://127.0.0.1:2', databaseUrl: 'postgres://127.0.0.1:3' },
    gateway: { url: 'ws://127.0.0.1:4500' },
  });
  return home;
}

const NOWHERE = join(tmpdir(), 'pmc-no-such-home');

test('a flag comes first, then the port, then the running stack, then the default', () => {
  const home = homeOfStack({ isAlive: true });
  const all = { PMC_HOME: home, PMC_GATEWAY_PORT: '4600', PMC_PORT_OFFSET: '700' };
  const url = (flag: string | undefined, environment: Record<string, string>) => gatewayAddress(flag, environment).url;
  expect(url('ws://there:1', all)).toBe('ws://there:1');
  expect(url(undefined, all)).toBe('ws://127.0.0.1:4600');
  expect(url(undefined, { ...all, PMC_GATEWAY_PORT: '' })).toBe('ws://127.0.0.1:4500');
  expect(url(undefined, { PMC_HOME: NOWHERE, PMC_PORT_OFFSET: '700' })).toBe('ws://127.0.0.1:4700');
  expect(url(undefined, { PMC_HOME: NOWHERE })).toBe('ws://127.0.0.1:4000');
});

test('a stack that has ended is not where to look, and that is said', () => {
  const home = homeOfStack({ isAlive: false });
  const { url, whence } = gatewayAddress(undefined, { PMC_HOME: home });
  expect(url).toBe('ws://127.0.0.1:4000');
  expect(whence).toContain(`no stack runs on ${home}; start one with \`npm start\``);
  expect(whence).toContain('--url');
});

test('variables that are not allowed are named, unless a flag makes them needless', () => {
  const wrong = { PMC_HOME: NOWHERE, PMC_GATEWAY_PORT: 'x', PMC_PORT_OFFSET: '-1' };
  expect(() => gatewayAddress(undefined, wrong)).toThrow(/PMC_GATEWAY_PORT[^]*PMC_PORT_OFFSET/);
  expect(gatewayAddress('ws://there:1', wrong).url).toBe('ws://there:1');
});
