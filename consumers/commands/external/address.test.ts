import { expect, it } from 'vitest';
import { isPublic, refusalOf } from './address.ts';

it.each([
  ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'],
  ...['255.255.255.255', '192.0.2.1', '198.18.0.1', '::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', 'no-address', ''],
])('does not call %s', (address) => {
  expect(isPublic(address)).toBe(false);
});

it.each(['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('may call %s', (address) => {
  expect(isPublic(address)).toBe(true);
});

it('refuses a name with one bad address among good ones, and one without any', () => {
  const good = { address: '8.8.8.8', family: 4 } as const;
  const bad = { address: '10.0.0.1', family: 4 } as const;
  expect(refusalOf('h', [good], false)).toBeUndefined();
  expect(refusalOf('h', [good, bad], false)).toBe('h leads to 10.0.0.1, which is not a public address');
  expect(refusalOf('h', [good, bad], true)).toBeUndefined();
  expect(refusalOf('h', [], true)).toBe('h has no address');
});
