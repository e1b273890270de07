import { describe, expect, test } from 'vitest';
import { readSettings } from '../service/config.ts';
import { clusterSettings } from './config.ts';

const BROKERS = { PMC_KAFKA_BROKERS: 'kafka-1:9093,kafka-2:9093' };
const LOGIN = { PMC_KAFKA_SASL_USERNAME: 'u', PMC_KAFKA_SASL_PASSWORD: 'hush' };

function read(variables: Readonly<Record<string, string>>): unknown {
  return readSettings({ ...BROKERS, ...variables }, clusterSettings);
}

test('a cluster is plaintext and without a login when nothing says otherwise', () => {
  expect(read({})).toMatchObject({ tls: 'off', saslMechanism: 'none', saslUsername: undefined });
});

describe('a contradiction is told before anything starts', () => {
  test.for<[string, Readonly<Record<string, string>>]>([
    [
      'PMC_KAFKA_SASL_USERNAME is required with PMC_KAFKA_SASL_MECHANISM=scram-sha-256',
      { PMC_KAFKA_SASL_MECHANISM: 'scram-sha-256' },
    ],
    [
      'PMC_KAFKA_SASL_PASSWORD is required with PMC_KAFKA_SASL_MECHANISM=scram-sha-256',
      { PMC_KAFKA_SASL_MECHANISM: 'scram-sha-256', PMC_KAFKA_SASL_USERNAME: 'u' },
    ],
    ['PMC_KAFKA_SASL_USERNAME has no effect without PMC_KAFKA_SASL_MECHANISM', LOGIN],
    [
      'PMC_KAFKA_SASL_PASSWORD and PMC_KAFKA_SASL_PASSWORD_FILE are both set: keep one',
      { ...LOGIN, PMC_KAFKA_SASL_MECHANISM: 'scram-sha-512', PMC_KAFKA_SASL_PASSWORD_FILE: '/p' },
    ],
    ['PMC_KAFKA_TLS_CA must be an absolute path', { PMC_KAFKA_TLS: 'on', PMC_KAFKA_TLS_CA: 'ca.pem' }],
    ['PMC_KAFKA_TLS_CA has no effect without PMC_KAFKA_TLS=on', { PMC_KAFKA_TLS_CA: '/ca.pem' }],
    [
      'PMC_KAFKA_SASL_MECHANISM would send the password readably over the network',
      { ...LOGIN, PMC_KAFKA_SASL_MECHANISM: 'plain' },
    ],
    [
      'PMC_KAFKA_SASL_MECHANISM must be one of: none, plain, scram-sha-256, scram-sha-512',
      { PMC_KAFKA_SASL_MECHANISM: 'gssapi' },
    ],
    ['PMC_KAFKA_TLS must be one of: off, on', { PMC_KAFKA_TLS: 'true' }],
  ])('%s', ([text, variables]) => {
    expect(() => read(variables)).toThrow(text);
    expect(() => read(variables)).not.toThrow('hush');
  });
});

test.for<[string, Readonly<Record<string, string>>]>([
  ['plain over TLS', { PMC_KAFKA_TLS: 'on' }],
  ['plain on loopback', { PMC_KAFKA_BROKERS: 'localhost:1,127.0.0.1:2' }],
])('%s gives the password to nobody else', ([, variables]) => {
  expect(read({ ...LOGIN, PMC_KAFKA_SASL_MECHANISM: 'plain', ...variables })).toMatchObject({ saslPassword: 'hush' });
});

test('a password file stands for the password, and an empty variable for one that is not set', () => {
  const variables = { PMC_KAFKA_SASL_PASSWORD: '', PMC_KAFKA_SASL_PASSWORD_FILE: '/p', PMC_KAFKA_TLS_CA: '' };
  const login = { PMC_KAFKA_SASL_MECHANISM: 'scram-sha-512', PMC_KAFKA_SASL_USERNAME: 'u' };
  expect(read({ ...login, ...variables })).toMatchObject({ saslPassword: undefined, saslPasswordFile: '/p' });
});
