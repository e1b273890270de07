// What became of a call, as far as can be known; pure. The question behind it is always the same: has the other side done it?
import type { Endpoint } from './declaration.ts';

/** What one attempt saw. */
export type Exchange =
  | { readonly kind: 'answered'; readonly status: number; readonly location: string | undefined; readonly body: Buffer }
  /** Forbidden to be sent at all. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The other side has not had it; `isOurs`: for a reason that says nothing about it. */
  | { readonly kind: 'not-sent'; readonly reason: string; readonly isOurs: boolean }
  /** The other side may have had it; no whole answer came. */
  | { readonly kind: 'no-answer'; readonly reason: string };

export interface Attempt {
  readonly status: 'done' | 'failed' | 'unknown';
  /** For people: what is known of it. */
  readonly reason: string;
  /** Whether another attempt can help and can do no harm. */
  readonly isRepeatable: boolean;
  /** Says something about the endpoint's health, not about the request. */
  readonly isEndpointIll: boolean;
  /** Nothing was sent, for a reason that says nothing about the endpoint. */
  readonly isOurs?: boolean;
  readonly answer: { readonly status: number; readonly body: Buffer } | undefined;
}

/** Codes by which a gateway says that it does not know either. */
const GATEWAY_GAVE_UP = [502, 504];
/** Codes by which a server says that it has not begun. */
const DECLINED = [425, 429, 503];

export function judge(exchange: Exchange, endpoint: Pick<Endpoint, 'method' | 'isIdempotent'>): Attempt {
  const nothing = { answer: undefined, isEndpointIll: false, isRepeatable: false };
  switch (exchange.kind) {
    case 'refused':
      return { ...nothing, status: 'failed', reason: exchange.reason };
    case 'not-sent': {
      const { reason, isOurs } = exchange;
      return { ...nothing, status: 'failed', reason, isRepeatable: true, isEndpointIll: !isOurs, isOurs };
    }
    case 'no-answer':
      return {
        ...nothing,
        // A GET does nothing, so there is nothing that it may have done.
        status: endpoint.method === 'GET' ? 'failed' : 'unknown',
        reason: exchange.reason,
        isRepeatable: endpoint.isIdempotent,
        isEndpointIll: true,
      };
    case 'answered':
      return judgeAnswer(exchange, endpoint);
  }
}

function judgeAnswer(
  { status, location, body }: Exchange & { kind: 'answered' },
  { method, isIdempotent }: Pick<Endpoint, 'method' | 'isIdempotent'>,
): Attempt {
  const base = { answer: { status, body }, isEndpointIll: false, isRepeatable: false };
  if (status >= 200 && status < 300) return { ...base, status: 'done', reason: `answered ${status}` };
  if (status < 400) {
    const where = location === undefined ? '' : ` to ${location.slice(0, 200)}`;
    return { ...base, status: 'failed', reason: `answered ${status}, a redirect${where}, which is not followed` };
  }
  const reason = `answered ${status}`;
  if (DECLINED.includes(status)) return { ...base, status: 'failed', reason, isRepeatable: true, isEndpointIll: true };
  if (status < 500) return { ...base, status: 'failed', reason, isRepeatable: status === 408 && isIdempotent };
  const isUnknown = GATEWAY_GAVE_UP.includes(status) && method !== 'GET';
  const end = { ...base, reason, isRepeatable: isIdempotent, isEndpointIll: true };
  return { ...end, status: isUnknown ? 'unknown' : 'failed' };
}

/** That of a taker who began with the call before and did not tell how it ended. */
export function abandonedAttempt(endpoint: Pick<Endpoint, 'method' | 'isIdempotent'>, reason: string): Attempt {
  return judge({ kind: 'no-answer', reason }, endpoint);
}

/**
 * After several attempts: what one of them may have done stays possible, whatever the last one says, unless that is "done". Whether
 * another can help the last one says.
 */
export function lastWord(attempts: readonly Attempt[]): Attempt {
  const last = attempts.at(-1);
  if (last === undefined) throw new RangeError('no attempt was made');
  const doubtful = attempts.find(({ status }) => status === 'unknown');
  if (last.status !== 'failed' || doubtful === undefined) return last;
  const { status, answer } = doubtful;
  return { ...last, status, answer, reason: `${doubtful.reason}, then ${last.reason}` };
}
