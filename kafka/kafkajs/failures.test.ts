import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { brokerErrorOf, failedAppend } from './failures.ts';

const TO = { topic: 'pmc.messages.incoming', partition: 3 };

/** A broker's answer as kafkajs throws it, which takes a record of its own table of error codes. */
function brokerError(type: string, retriable = false): Error {
  const error = new Error(`broker said ${type}`);
  return new kafkajs.KafkaJSProtocolError(Object.assign(error, { type, code: 1, retriable }));
}

function afterRetries(cause: Error): Error {
  return new kafkajs.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 5, retryTime: 1_000 });
}

describe('a failed append', () => {
  test.each([
    ['MESSAGE_TOO_LARGE', 'PMC_RECORD_TOO_LARGE'],
    ['RECORD_LIST_TOO_LARGE', 'PMC_RECORD_TOO_LARGE'],
    ['INVALID_RECORD', 'PMC_RECORD_INVALID'],
    ['POLICY_VIOLATION', 'PMC_APPEND_REJECTED'],
  ])('is rejected when the broker itself refused the records: %s', (type, code) => {
    for (const error of [brokerError(type), afterRetries(brokerError(type))]) {
      const { outcome, error: told } = failedAppend(error, TO);
      expect({ outcome, code: told.code }).toEqual({ outcome: 'rejected', code });
      expect(told.message).toContain(`pmc.messages.incoming-3: ${type}`);
      expect(told.cause).toBe(error);
    }
  });

  test.each([
    ['a time-out', new kafkajs.KafkaJSRequestTimeoutError('timed out')],
    ['a lost connection', new kafkajs.KafkaJSConnectionError('closed')],
    ['a lost connection after retries', afterRetries(new kafkajs.KafkaJSConnectionError('closed'))],
    ['too few in-sync replicas after the append', brokerError('NOT_ENOUGH_REPLICAS_AFTER_APPEND', true)],
    ['a fenced producer', brokerError('INVALID_PRODUCER_EPOCH')],
    ['a sequence out of order', brokerError('OUT_OF_ORDER_SEQUENCE_NUMBER')],
    ['a programming error', new TypeError('x is not a function')],
    ['something that is no error', 'odd'],
  ])('is unknown after %s: the records may be on the log', (_name, error) => {
    expect(failedAppend(error, TO)).toMatchObject({ outcome: 'unknown', error: { code: 'PMC_APPEND_UNKNOWN' } });
  });

  // A right that is missing is a state of the cluster, not of the record: taken for a refusal, every frame of the outage
  // would be set aside, first on another topic and then, when that is closed too, nowhere.
  test.each(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'INVALID_REQUIRED_ACKS'])(
    'is appended again after %s, which an operator can cure',
    (type) => {
      expect(failedAppend(brokerError(type), TO).outcome).toBe('unknown');
    },
  );

  // The record is sound, and nobody has another place for it: the copy among the rejected would bear the same time.
  test('is appended again where a clock is wrong, and told as that', () => {
    const { outcome, error } = failedAppend(brokerError('INVALID_TIMESTAMP'), TO);
    expect([outcome, error.code]).toEqual(['unknown', 'PMC_CLOCKS_DIFFER']);
    expect(error.message).toContain('pmc.messages.incoming-3');
  });

  test('is named by the first answer of a broker in the chain of causes', () => {
    expect(brokerErrorOf(new Error('outer', { cause: afterRetries(brokerError('INVALID_RECORD')) }))).toBe(
      'INVALID_RECORD',
    );
    expect(brokerErrorOf(new Error('outer'))).toBeUndefined();
  });
});
