// What an error of kafkajs means for a record: definitely not written, or unknown. The default is unknown: the library
// wraps many causes, and only a broker's own refusal proves that nothing was written. And the one that it is told by us.
import kafkajs from 'kafkajs';
import type { AppendOutcome, TopicPartition } from '../log.ts';
import { isRefusal, refused, unanswered } from '../refusals.ts';

/** The broker's error name (e.g. MESSAGE_TOO_LARGE) anywhere in the chain of causes. */
export function brokerErrorOf(error: unknown): string | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof kafkajs.KafkaJSProtocolError) return one.type;
  }
  return undefined;
}

export function failedAppend(error: unknown, to: TopicPartition): Exclude<AppendOutcome, { outcome: 'acked' }> {
  const name = brokerErrorOf(error);
  return name !== undefined && isRefusal(name) ? refused(name, to, error) : unanswered(name, to, error);
}

/**
 * What makes kafkajs give a consumer up for good although nothing is wrong with it: a broker that was away while it looked for the
 * coordinator of its group, or that goes away between its connection and the first questions; or whose proxy took the first connection
 * and closed it, again and again: no other broker is tried then.
 */
export function isCuredByNewClient(error: unknown): boolean {
  const cause = error instanceof kafkajs.KafkaJSNumberOfRetriesExceeded ? error.cause : error;
  return cause instanceof kafkajs.KafkaJSGroupCoordinatorNotFound || cause instanceof kafkajs.KafkaJSConnectionError;
}

/**
 * What kafkajs takes for an error of the program: bytes that it read past their end, or more of something than a call takes. It would give the
 * consumer up, and whoever starts it again would meet the same bytes.
 */
export function isOfBytes(error: unknown): boolean {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  return innermost instanceof RangeError;
}

/**
 * A join that failed because a coordinator is just starting makes kafkajs fetch again under the assignment that it has given up, and
 * as long as there is something to fetch it sends no heartbeat that would show it. This is what it joins again for.
 */
export function joinAgain(): Error {
  const rebalancing = { type: 'REBALANCE_IN_PROGRESS', code: 27, retriable: true };
  return new kafkajs.KafkaJSProtocolError(Object.assign(new Error('fetched without an assignment'), rebalancing));
}
