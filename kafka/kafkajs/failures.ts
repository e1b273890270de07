// What an error of kafkajs means for a record: definitely not written, or unknown. The default is unknown: the library
// wraps many causes, and only a broker's own refusal proves that nothing was written. And the one that it is told by us.
import kafkajs from 'kafkajs';
import type { AppendOutcome, TopicPartition } from '../log.ts';
import { isRefusal, refused, unanswered } from '../refusals.ts';

/** The library's words, in a plain error. */
const NOT_CONNECTED = 'Broker not connected';

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
 * coordinator of its group, or that goes away between its connection and the first questions; whose proxy took the first connection
 * and closed it, again and again: no other broker is tried then; or which took one and says nothing, for which there is no class of error.
 */
export function isCuredByNewClient(error: unknown): boolean {
  const cause = error instanceof kafkajs.KafkaJSNumberOfRetriesExceeded ? error.cause : error;
  const root = innermost(error);
  return (
    cause instanceof kafkajs.KafkaJSConnectionError ||
    // As it is where a member joins, and wrapped where it joins again.
    root instanceof kafkajs.KafkaJSGroupCoordinatorNotFound ||
    root.message === NOT_CONNECTED
  );
}

/**
 * What kafkajs takes for an error of the program: bytes that it read past their end, or more of something than a call takes. It would give the
 * consumer up, and whoever starts it again would meet the same bytes.
 */
export function isOfBytes(error: unknown): boolean {
  return innermost(error) instanceof RangeError;
}

function innermost(error: unknown): Error {
  let one = error;
  while (one instanceof Error && one.cause !== undefined) one = one.cause;
  return one instanceof Error ? one : new Error(String(one));
}

/**
 * A join that failed because a coordinator is just starting makes kafkajs fetch again under the assignment that it has given up, and
 * as long as there is something to fetch it sends no heartbeat that would show it. This is what it joins again for.
 */
export function joinAgain(): Error {
  const rebalancing = { type: 'REBALANCE_IN_PROGRESS', code: 27, retriable: true };
  return new kafkajs.KafkaJSProtocolError(Object.assign(new Error('fetched without an assignment'), rebalancing));
}
