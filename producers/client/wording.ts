// Lines of a terminal → events, and what happened → lines. Pure.
import { CLOSE } from '../../schemas/protocol/codes.ts';
import { isToken } from '../../service/token-format.ts';
import type { Notice } from './actions.ts';
import type { Dispatch } from './inbox.ts';
import type { Outcome } from './outcome.ts';

export interface Author {
  readonly chat: string;
  readonly sender: string;
}

export type ReadLine =
  | { readonly ok: true; readonly event: Readonly<Record<string, unknown>> & { readonly event: string } }
  | { readonly ok: false; readonly reason: string };

/** A line that begins with `{` is an event, any other is what somebody says. */
export function readLine(line: string, { chat, sender }: Author): ReadLine {
  if (!line.startsWith('{'))
    return { ok: true, event: { event: 'message', sender, chat, message_type: 'text', content: line, metadata: {} } };
  try {
    return { ok: true, event: JSON.parse(line) as Readonly<Record<string, unknown>> & { readonly event: string } };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** `line` names the line that the event was made of, where that is known. */
export function outcomeText(outcome: Outcome, isJson: boolean, line: string | undefined): string {
  const { seq, id } = outcome;
  if (!outcome.ok) {
    const { code, reason } = outcome;
    if (isJson) return JSON.stringify({ type: 'refused', id, seq, code, reason });
    return `refused ${id} ${code} ${reason}${line === undefined ? '' : `, ${line}`}`;
  }
  const { at, isDuplicate } = outcome;
  if (isJson) return JSON.stringify({ type: 'acknowledged', id, seq, ...at, isDuplicate });
  const where = at === undefined ? 'before this connection' : `${at.topic}-${at.partition}@${at.offset}`;
  return `acknowledged ${id} ${where}${isDuplicate ? ' (had come before)' : ''}`;
}

/** The event that a reply answers. */
export function answeredId({ event: { metadata } }: Dispatch): string | undefined {
  const isObject = typeof metadata === 'object' && metadata !== null;
  return isObject && 'in_reply_to' in metadata && typeof metadata.in_reply_to === 'string'
    ? metadata.in_reply_to
    : undefined;
}

/** `to` says what it answers, where the reader cannot see that. */
export function dispatchText({ id, event }: Dispatch, isJson: boolean, to: string | undefined): string {
  if (isJson) return JSON.stringify({ type: 'dispatch', id, event });
  const content = typeof event['content'] === 'string' ? event['content'] : JSON.stringify(event);
  return `reply ${id ?? ''} ${to === undefined ? '' : `to ${to}: `}${content.replaceAll('\n', '\n  ')}`;
}

/** Undefined for what a person need not know. `nameOf` names an event by its id, `url` is the gateway's. */
export function noticeText(notice: Notice, url: string, nameOf: (id: string) => string): string | undefined {
  switch (notice.notice) {
    case 'connected':
      return undefined;
    case 'disconnected':
      return `not connected to ${url} (${lossText(notice)}); trying again in ${(notice.againInMs / 1_000).toFixed(1)} s`;
    case 'draining':
      return 'the gateway is about to go; coming back to it, or to another one';
    case 'gateway-error': {
      const about = notice.id === undefined ? '' : ` about ${nameOf(notice.id)}`;
      return `the gateway says ${notice.code}${about}: ${notice.reason}${notice.isTemporary ? ' (for now)' : ''}`;
    }
    case 'warning':
      return `warning ${notice.code} about ${notice.id === undefined ? 'an event' : nameOf(notice.id)}: ${notice.reason}`;
    case 'position-lost':
      return `replies may be missing: ${notice.reason}`;
    case 'epoch-begun':
      return `counting begins again: ${notice.why}`;
    case 'unavailable':
      return `the gateway asked for numbers ${notice.from} to ${notice.to}, which are not kept any more`;
    case 'handling-behind':
      return 'replies come faster than they are handled';
    case 'handling-failed':
      return `a reply could not be handled: ${String(notice.error)}`;
    case 'ignored-frame':
      return `ignored ${notice.reason}`;
  }
}

/** Why there is no connection. */
export function lossText({ code, reason }: { readonly code: number; readonly reason: string }): string {
  // 1006 says that a connection broke or was never made; the reason then says it better.
  if (code === 1_006) return reason || 'the connection broke';
  return `${code}: ${reason || 'no reason given'}`;
}

const MAKE_ONE = '`npm run -s pmc -- token create --role user --subject NAME` makes one';

/** What to do where the gateway has closed the connection because of the token, with this code. */
export function tokenAdvice(token: string | undefined, closeCode: unknown): string {
  if (token === undefined) return `no token was given: ${MAKE_ONE}; put it into PMC_TOKEN`;
  if (!isToken(token)) return `what was given as a token is none, or was cut off or mistyped: ${MAKE_ONE}`;
  if (closeCode === CLOSE.forbidden.code) return `this wants a token of role user, or of role source: ${MAKE_ONE}`;
  return `the token that was given does not count there (any more): ${MAKE_ONE}, \`… token list --all\` shows what became of each`;
}
