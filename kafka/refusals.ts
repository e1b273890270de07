// What a broker's answer to an append means, by the name that the protocol gives it, whichever client it came through. Pure.
import type { PmcErrorCode } from '../service/error-codes.ts';
import { PmcError } from '../service/errors.ts';
import type { AppendOutcome, TopicPartition } from './log.ts';

/**
 * What is wrong with the records themselves. A missing right is not among them: it is cured, and the same append succeeds. Nor is a time that is
 * too far from the broker's, which says that a clock is wrong: any other record of that moment would be refused as well.
 */
const REFUSED: Readonly<Record<string, PmcErrorCode>> = {
  MESSAGE_TOO_LARGE: 'PMC_RECORD_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'PMC_RECORD_TOO_LARGE',
  INVALID_RECORD: 'PMC_RECORD_INVALID',
  INVALID_TOPIC_EXCEPTION: 'PMC_APPEND_REJECTED',
  POLICY_VIOLATION: 'PMC_APPEND_REJECTED',
};

type Failed = Exclude<AppendOutcome, { outcome: 'acked' }>;

export function isRefusal(name: string): boolean {
  return Object.hasOwn(REFUSED, name);
}

/** The broker said so, and nothing was written. */
export function refused(name: string, to: TopicPartition, cause: unknown): Failed {
  const message = `the broker refused an append to ${to.topic}-${to.partition}: ${name}`;
  const code = REFUSED[name] ?? 'PMC_APPEND_REJECTED';
  return { outcome: 'rejected', error: new PmcError(code, message, { ...to, name }, { cause }) };
}

/** Anything else: the records may be on the log. What an operator has to set right is named: a topic that is missing, a clock that is wrong. */
export function unanswered(name: string | undefined, to: TopicPartition, cause: unknown): Failed {
  return { outcome: 'unknown', error: errorOf(name, to, cause) };
}

function errorOf(name: string | undefined, to: TopicPartition, cause: unknown): PmcError {
  const where = `${to.topic}-${to.partition}`;
  if (name === 'UNKNOWN_TOPIC_OR_PARTITION' || name === 'UNKNOWN_TOPIC_ID') {
    const message = `${where} does not exist; \`pmc topics create\` makes it`;
    return new PmcError('PMC_TOPIC_MISSING', message, { ...to }, { cause });
  }
  if (name === 'INVALID_TIMESTAMP') {
    const message = `${where} takes no record of this time: the clock here and the broker's differ by more than it allows`;
    return new PmcError('PMC_CLOCKS_DIFFER', message, { ...to }, { cause });
  }
  return new PmcError('PMC_APPEND_UNKNOWN', `no acknowledgement for an append to ${where}`, { ...to, name }, { cause });
}
