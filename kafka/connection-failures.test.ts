import { AuthenticationError, NetworkError, ProtocolError, UnsupportedApiError } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { describeError } from '../service/errors.ts';
import { accessRefusal, connectionFailure } from './connection-failures.ts';

const ACCESS = {
  brokers: ['kafka-1:9093', 'kafka-2:9093'],
  sasl: { mechanism: 'scram-sha-512', username: 'pmc', password: 'hush' },
} as const;

function coded(code: string, message = 'said so'): Error {
  return Object.assign(new Error(message), { code });
}

/** As kafkajs makes it, whose types do not let a test make one. */
function named(name: string): Error {
  return Object.assign(new Error('refused'), { name });
}

function refusedBy(type: string): Error {
  return new kafkajs.KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 1, retriable: false }));
}

const LOGIN = new AuthenticationError('SASL authentication failed.', {
  cause: new ProtocolError('SASL_AUTHENTICATION_FAILED'),
});

describe('what is told by a code', () => {
  test.for<[string, unknown, string]>([
    ['a wrong password, kafkajs', named('KafkaJSSASLAuthenticationError'), 'PMC_KAFKA_AUTHENTICATION'],
    ['a mechanism that is not offered, kafkajs', refusedBy('UNSUPPORTED_SASL_MECHANISM'), 'PMC_KAFKA_AUTHENTICATION'],
    ['a wrong password, platformatic', new NetworkError('failed', { cause: LOGIN }), 'PMC_KAFKA_AUTHENTICATION'],
    ['among several attempts', new AggregateError([coded('ECONNREFUSED'), LOGIN], 'twice'), 'PMC_KAFKA_AUTHENTICATION'],
    ['a login that no peer answered for', new AuthenticationError('bad nonce'), 'PMC_KAFKA_AUTHENTICATION'],
    [
      'an unknown CA, kafkajs',
      new kafkajs.KafkaJSConnectionError('x', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
      'PMC_KAFKA_CERTIFICATE',
    ],
    [
      'another host, platformatic',
      new NetworkError('x', { cause: coded('ERR_TLS_CERT_ALTNAME_INVALID') }),
      'PMC_KAFKA_CERTIFICATE',
    ],
    ['an expired certificate', coded('CERT_HAS_EXPIRED'), 'PMC_KAFKA_CERTIFICATE'],
    ['a request without a version', new UnsupportedApiError('No usable implementation'), 'PMC_KAFKA_INCOMPATIBLE'],
  ])('%s', ([, error, code]) => {
    expect(connectionFailure(error, ACCESS)).toMatchObject({
      code,
      message: expect.stringContaining('kafka-1:9093, kafka-2:9093'),
    });
    expect(accessRefusal(error, ACCESS)?.code).toBe(code);
    expect(JSON.stringify(connectionFailure(error, ACCESS).details)).not.toContain('hush');
  });
});

describe('what proves nothing is a cluster that is away', () => {
  test.for<[string, unknown]>([
    ['nobody listens', coded('ECONNREFUSED')],
    ['a login that a lost connection cut short', new AuthenticationError('x', { cause: new NetworkError('closed') })],
    ['an odd thing', 'odd'],
  ])('%s', ([, error]) => {
    expect(connectionFailure(error, ACCESS).code).toBe('PMC_KAFKA_UNREACHABLE');
    expect(accessRefusal(error, ACCESS)).toBeUndefined();
  });

  test('the line for a person ends with the innermost reason', () => {
    const error = new NetworkError('outer', { cause: coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1') });
    expect(describeError(connectionFailure(error, ACCESS))).toBe(
      'PMC_KAFKA_UNREACHABLE: no answer from Kafka at kafka-1:9093, kafka-2:9093; PMC_KAFKA_BROKERS names it (connect ECONNREFUSED 127.0.0.1:1)',
    );
  });

  test('a cause that leads back to itself is followed once', () => {
    const error = new Error('a');
    error.cause = new Error('b', { cause: error });
    expect(connectionFailure(error, ACCESS).code).toBe('PMC_KAFKA_UNREACHABLE');
  });
});
