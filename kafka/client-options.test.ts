import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterAccess } from './client-options.ts';

const ASKED = { brokers: ['b:1'], saslMechanism: 'scram-sha-512', saslUsername: 'u' } as const;
const OVER_TLS = { brokers: ['b:1'], tls: 'on' } as const;
const [PEM = ''] = rootCertificates;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-access-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('plaintext without a login is brokers and nothing else', () => {
  const access = clusterAccess({ brokers: ['b:1'], tls: 'off', saslMechanism: 'none' }, 'c');
  expect(access).toEqual({ brokers: ['b:1'], clientId: 'c' });
});

test('the password and the CA are read from their files', () => {
  const config = { ...ASKED, saslPasswordFile: file('p', 'pass word\r\n'), tls: 'on', tlsCa: file('ca', PEM) } as const;
  expect(clusterAccess(config, 'c')).toMatchObject({
    tls: { ca: PEM },
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'pass word' },
  });
  expect(clusterAccess(OVER_TLS, 'c').tls).toEqual({});
});

test.for([
  ['PMC_KAFKA_SASL_PASSWORD_FILE', 'is empty', () => ({ ...ASKED, saslPasswordFile: file('empty', '\n') })],
  ['PMC_KAFKA_SASL_PASSWORD_FILE', 'cannot be read', () => ({ ...ASKED, saslPasswordFile: join(folder, 'none') })],
  ['PMC_KAFKA_TLS_CA', 'cannot be read', () => ({ ...OVER_TLS, tlsCa: join(folder, 'none') })],
  ['PMC_KAFKA_TLS_CA', 'holds no certificate', () => ({ ...OVER_TLS, tlsCa: file('x', 'text') })],
] as const)('%s: a file that %s is named', ([variable, why, config]) => {
  const read = (): unknown => clusterAccess(config(), 'c');
  expect(read).toThrow(new RegExp(`^${variable} names ${folder}/\\w+, which ${why}`));
  expect(read).toThrow(expect.objectContaining({ code: 'PMC_CONFIG_INVALID' }));
});
