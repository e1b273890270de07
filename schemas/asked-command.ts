// Whether an event asks for a command; pure. A command is a text message whose content begins with a slash. What this system itself
// said is never one, whatever it begins with: a reply that is echoed back must not be answered. Who answers commands and who audits that
// they were answered go by this one rule.
import type { IncomingEvent } from './generated.ts';

export type AskedCommand =
  | { readonly kind: 'not-a-command' }
  /** Would be a command, but it carries the mark of our own replies. */
  | { readonly kind: 'own-reply' }
  | { readonly kind: 'command'; readonly content: string; readonly timestamp: unknown };

const OWN_SENDER = 'pmc';
const NOT_A_COMMAND = { kind: 'not-a-command' } as const;

export function askedCommand(event: Pick<IncomingEvent, 'kind' | 'type' | 'payload'>): AskedCommand {
  if (event.kind !== 'message' || (event.type !== null && event.type !== 'text')) return NOT_A_COMMAND;
  const frame = objectOf(parseJson(event.payload));
  const content = frame?.['content'];
  if (frame === undefined || typeof content !== 'string' || !content.startsWith('/')) return NOT_A_COMMAND;
  if (objectOf(frame['metadata'])?.['pmc'] === true || frame['sender'] === OWN_SENDER) return { kind: 'own-reply' };
  return { kind: 'command', content, timestamp: frame['timestamp'] };
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
}
