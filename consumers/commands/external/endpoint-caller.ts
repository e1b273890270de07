// Calls one endpoint: attempts with growing pauses, and a breaker that stops asking what does not answer. One call, one
// idempotency key, one outcome.
import {
  BrokenCircuitError,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhenResult,
  type IBackoff,
  retry,
  wrap,
} from 'cockatiel';
import { type Clock, steadyClock } from '../../../service/clock.ts';
import type { Endpoint } from './declaration.ts';
import { exchange } from './exchange.ts';
import type { Resolve } from './names.ts';
import { type Attempt, judge, lastWord } from './outcome.ts';
import { requestOf } from './request.ts';
import type { TemplateValues } from './template.ts';

const BACKOFF = { initialDelay: 200, maxDelay: 5_000 };

export interface CallerDeps {
  readonly clock: Clock;
  readonly resolve: Resolve;
  /** Each attempt that was made, as it ended. */
  readonly onAttempt?: (attempt: Attempt) => void;
}

export type CallEndpoint = (commandId: string, values: TemplateValues) => Promise<Attempt>;

/** An upper bound of the time that one call takes. While a breaker tries whether all is well again, an attempt waits for the one that it lets through. */
export function callMsMax({ timeoutMs, retries }: Pick<Endpoint, 'timeoutMs' | 'retries'>): number {
  return (retries + 1) * 2 * timeoutMs + retries * BACKOFF.maxDelay;
}

export function endpointCaller(endpoint: Endpoint, { clock, resolve, onAttempt }: CallerDeps): CallEndpoint {
  const repeats = retry(
    handleWhenResult((attempt) => (attempt as Attempt).isRepeatable),
    {
      maxAttempts: endpoint.retries,
      backoff: new ExponentialBackoff(BACKOFF),
    },
  );
  const breaker = circuitBreaker(
    handleWhenResult((attempt) => (attempt as Attempt).isEndpointIll),
    {
      halfOpenAfter: { next: () => steadyPause(endpoint.breaker.pauseMs) },
      breaker: new ConsecutiveBreaker(endpoint.breaker.failures),
    },
  );
  const policy = wrap(repeats, breaker);
  return async (commandId, values) => {
    const attempts: Attempt[] = [];
    const attemptOnce = async (): Promise<Attempt> => {
      const request = requestOf(endpoint, commandId, values, clock.nowMs());
      const attempt = judge(await exchange(request, endpoint, resolve), endpoint);
      attempts.push(attempt);
      onAttempt?.(attempt);
      return attempt;
    };
    try {
      await policy.execute(attemptOnce);
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      attempts.push(restingAttempt(endpoint));
    }
    return lastWord(attempts);
  };
}

/** One that begins now. The breaker compares its duration with the wall clock, which may be set meanwhile: this says at any time whether it is over. */
function steadyPause(pauseMs: number): IBackoff<unknown> {
  const endMs = steadyClock.nowMs() + pauseMs;
  return {
    get duration() {
      return steadyClock.nowMs() < endMs ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    },
    next: () => steadyPause(pauseMs),
  };
}

/** Nothing is sent. */
function restingAttempt({ breaker }: Endpoint): Attempt {
  const reason = `it failed ${breaker.failures} times in a row and is left alone for ${breaker.pauseMs / 1_000} s`;
  return { status: 'failed', reason, isRepeatable: true, isEndpointIll: true, answer: undefined };
}
