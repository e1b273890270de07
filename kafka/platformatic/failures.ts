// What an error of @platformatic/kafka means for a record: definitely not written, or unknown. The default is unknown: only a
// broker's own refusal of the records, and nothing else in the same chain of errors, proves that nothing was written.
import type { AppendOutcome, TopicPartition } from '../log.ts';
import { isRefusal, refused, unanswered } from '../refusals.ts';

/** The names of all broker errors in an error, its causes and its parts (e.g. MESSAGE_TOO_LARGE), outermost first. */
export function brokerErrorsOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const own = 'apiId' in error && typeof error.apiId === 'string' ? [error.apiId] : [];
  const parts = error instanceof AggregateError ? error.errors.flatMap(brokerErrorsOf) : [];
  return [...own, ...parts, ...brokerErrorsOf(error.cause)];
}

export function failedAppend(error: unknown, to: TopicPartition): Exclude<AppendOutcome, { outcome: 'acked' }> {
  const names = brokerErrorsOf(error);
  const [name] = names;
  // An attempt that timed out before the refused one may have been written.
  return name !== undefined && names.every(isRefusal) && !hasUnanswered(error)
    ? refused(name, to, error)
    : unanswered(name, to, error);
}

/** Whether any part of the error is an attempt that the broker did not refuse: one without an answer, or with one that says nothing of it. */
function hasUnanswered(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  if ('code' in error && (error.code === 'PLT_KFK_NETWORK' || error.code === 'PLT_KFK_TIMEOUT')) return true;
  const parts = [
    ...(error instanceof AggregateError ? error.errors : []),
    ...(error.cause === undefined ? [] : [error.cause]),
  ];
  return parts.length === 0 ? !('apiId' in error) : parts.some(hasUnanswered);
}
