import { expect, test } from 'vitest';
import { clientProperties } from './client-properties.ts';

const SASL = { mechanism: 'scram-sha-512', username: 'pmc', password: 'a"b\\c é' } as const;

test('plaintext without a login needs no file', () => {
  expect(clientProperties({})).toBe('');
});

test('a password arrives as it is: quoted for JAAS, then escaped for the properties file', () => {
  expect(clientProperties({ sasl: SASL })).toBe(
    'security.protocol=SASL_PLAINTEXT\n' +
      'sasl.mechanism=SCRAM-SHA-512\n' +
      'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required ' +
      'username="pmc" password="a\\\\"b\\\\\\\\c \\u00e9";\n',
  );
});

test('TLS trusts the CA that is named, or those that Java knows', () => {
  expect(clientProperties({ tls: {} })).toBe('security.protocol=SSL\n');
  expect(clientProperties({ tls: { ca: 'line 1\nline 2\n' }, sasl: { ...SASL, mechanism: 'plain' } })).toMatch(
    /^security\.protocol=SASL_SSL\nssl\.truststore\.type=PEM\nssl\.truststore\.certificates=line 1\\nline 2\\n\n.*plain\.PlainLoginModule /s,
  );
});
