import { expect, test } from 'vitest';
import { readSettings } from '../../service/config.ts';
import { stackSettings } from './config.ts';

test.for([
  ['PMC_KAFKA_TLS', 'on'],
  ['PMC_KAFKA_TLS_CA', '/ca.pem'],
  ['PMC_KAFKA_SASL_MECHANISM', 'scram-sha-512'],
  ['PMC_KAFKA_SASL_PASSWORD_FILE', '/password'],
])('%s is refused for the embedded broker, which asks nobody who he is', ([variable = '', value = '']) => {
  const read = (): unknown => readSettings({ [variable]: value }, stackSettings(0));
  expect(read).toThrow(`${variable} is for a cluster of your own: set PMC_KAFKA_BROKERS too`);
});

test('the embedded broker needs no setting', () => {
  expect(readSettings({ PMC_KAFKA_TLS: 'off', PMC_KAFKA_SASL_MECHANISM: 'none' }, stackSettings(0))).toMatchObject({
    tls: 'off',
    saslMechanism: 'none',
    brokers: undefined,
  });
});

test('for a cluster of your own the same contradictions are told as to a service', () => {
  const environment = { PMC_KAFKA_BROKERS: 'kafka-1:9093', PMC_KAFKA_SASL_MECHANISM: 'plain' };
  expect(() => readSettings(environment, stackSettings(0))).toThrow(
    /PMC_KAFKA_SASL_MECHANISM would send [^]*PMC_KAFKA_SASL_USERNAME is required with PMC_KAFKA_SASL_MECHANISM=plain/,
  );
});
