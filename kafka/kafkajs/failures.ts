// What an error of kafkajs means for a record: definitely not written, or unknown. The default is unknown: the library
// wraps many causes, and only a broker's own refusal proves that nothing was written.
import kafkajs from 'kafkajs';
import { PmcError } from '../../service/errors.ts';
import type { AppendOutcome, TopicPartition } from '../log.ts';

/** What is wrong with the records themselves. A missing right is not among them: it is cured, and the same append succeeds. */
const REFUSED = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'INVALID_RECORD',
]);

/** The broker's error name (e.g. MESSAGE_TOO_LARGE) anywhere in the chain of causes. */
export function brokerErrorOf(error: unknown): string | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof kafkajs.KafkaJSProtocolError) return one.type;
  }
  return undefined;
}

export function failedAppend(error: unknown, to: TopicPartition): Exclude<AppendOutcome, { outcome: 'acked' }> {
  const where = `${to.topic}-${to.partition}`;
  const name = brokerErrorOf(error);
  if (name !== undefined && REFUSED.has(name)) {
    return {
      outcome: 'rejected',
      error: new PmcError(
        'PMC_APPEND_REJECTED',
        `the broker refused an append to ${where}: ${name}`,
        { ...to, name },
        { cause: error },
      ),
    };
  }
  return {
    outcome: 'unknown',
    error: new PmcError(
      'PMC_APPEND_UNKNOWN',
      `no acknowledgement for an append to ${where}`,
      { ...to, name },
      { cause: error },
    ),
  };
}
