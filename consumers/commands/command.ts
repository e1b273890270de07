// Whether an event is a command, and which; pure. A command is a text message whose content begins with a slash. What
// this system itself said is never one, whatever it begins with: a reply that is echoed back must not be answered.
import type { IncomingEvent } from '../../schemas/generated.ts';

export interface Command {
  /** Lower case, without the slash, at most 32 characters; as typed, so perhaps no command that exists. */
  readonly name: string;
  readonly arguments: readonly string[];
}

export type ParsedEvent =
  | { readonly kind: 'not-a-command' }
  /** Would be a command, but it carries the mark of our own replies. */
  | { readonly kind: 'own-reply' }
  | { readonly kind: 'command'; readonly command: Command; readonly timestamp: unknown };

const NAME_LENGTH_MAX = 32;
const ARGUMENTS_MAX = 16;
const CONTENT_LENGTH_MAX = 4_096;
const OWN_SENDER = 'pmc';
const NOT_A_COMMAND = { kind: 'not-a-command' } as const;

export function parseEvent(event: Pick<IncomingEvent, 'kind' | 'type' | 'payload'>): ParsedEvent {
  if (event.kind !== 'message' || (event.type !== null && event.type !== 'text')) return NOT_A_COMMAND;
  const frame = objectOf(parseJson(event.payload));
  const content = frame?.['content'];
  if (frame === undefined || typeof content !== 'string' || !content.startsWith('/')) return NOT_A_COMMAND;
  if (objectOf(frame['metadata'])?.['pmc'] === true || frame['sender'] === OWN_SENDER) return { kind: 'own-reply' };
  return { kind: 'command', command: parseCommand(content), timestamp: frame['timestamp'] };
}

/** The words of a text that begins with a slash; everything is bounded, whatever was typed. */
export function parseCommand(content: string): Command {
  const [name = '', ...words] = content.slice(1, CONTENT_LENGTH_MAX).split(/\s+/u, ARGUMENTS_MAX + 1);
  return { name: printable(name), arguments: words.filter((word) => word !== '') };
}

/** Names are shown to people and written to logs and tables: no control or formatting characters, no half characters. */
function printable(name: string): string {
  return Array.from(name.toLowerCase().replaceAll(/[\p{C}\p{Z}]/gu, ''))
    .slice(0, NAME_LENGTH_MAX)
    .join('');
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
