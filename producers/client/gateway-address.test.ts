// Where a client on a terminal looks for the gateway.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { homeOfStack } from '../../service/stack-file.testing.ts';
import { gatewayAddress } from './gateway-address.ts';

const GATEWAY = { url: 'ws://127.0.0.1:4500' };
const NOWHERE = join(tmpdir(), 'pmc-no-such-home');

test('a flag comes first, then the port, then the running stack, then the default', () => {
  const home = homeOfStack({ gateway: GATEWAY });
  const all = { PMC_HOME: home, PMC_GATEWAY_PORT: '4600', PMC_PORT_OFFSET: '700' };
  const url = (flag: string | undefined, environment: Record<string, string>) => gatewayAddress(flag, environment).url;
  expect(url('ws://there:1', all)).toBe('ws://there:1');
  expect(url(undefined, all)).toBe('ws://127.0.0.1:4600');
  expect(url(undefined, { ...all, PMC_GATEWAY_PORT: '' })).toBe('ws://127.0.0.1:4500');
  expect(url(undefined, { PMC_HOME: NOWHERE, PMC_PORT_OFFSET: '700' })).toBe('ws://127.0.0.1:4700');
  expect(url(undefined, { PMC_HOME: NOWHERE })).toBe('ws://127.0.0.1:4000');
});

test('a stack that has ended is not where to look, and that is said', () => {
  const home = homeOfStack({ gateway: GATEWAY, isAlive: false });
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
