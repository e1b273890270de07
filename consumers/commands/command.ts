// Which command an event asks for, where it asks for one (schemas/asked-command.ts); pure.
import { type AskedCommand, askedCommand } from '../../schemas/asked-command.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';

export interface Command {
  /** Lower case, without the slash, at most 32 characters; as typed, so perhaps no command that exists. */
  readonly name: string;
  /** The words behind the name, without the quotes that held them together; none where there is a problem. */
  readonly words: readonly string[];
  /** Why the words cannot be told apart; undefined where they can. */
  readonly problem: WordsProblem | undefined;
}

export type WordsProblem = 'too-long' | 'unterminated-quote' | 'too-many-arguments';

export type ParsedEvent =
  | Exclude<AskedCommand, { readonly kind: 'command' }>
  | { readonly kind: 'command'; readonly command: Command; readonly timestamp: unknown };

const NAME_LENGTH_MAX = 32;
export const ARGUMENTS_MAX = 64;
/** In UTF-16 units. */
export const CONTENT_LENGTH_MAX = 4_096;
/** What opens a quotation, and what closes it. Telephones type the second pair. Apostrophes belong to words. */
const QUOTES: Readonly<Record<string, string>> = { '"': '"', '“': '”' };
const SPACE = /\s/u;

export function parseEvent(event: Pick<IncomingEvent, 'kind' | 'type' | 'payload'>): ParsedEvent {
  const asked = askedCommand(event);
  if (asked.kind !== 'command') return asked;
  return { kind: 'command', command: parseCommand(asked.content), timestamp: asked.timestamp };
}

/** The words of a text that begins with a slash; the work is bounded, whatever was typed. */
export function parseCommand(content: string): Command {
  const nameEnd = content.slice(0, CONTENT_LENGTH_MAX).search(SPACE);
  const name = printable(content.slice(1, nameEnd === -1 ? CONTENT_LENGTH_MAX : nameEnd));
  if (content.length > CONTENT_LENGTH_MAX) return { name, words: [], problem: 'too-long' };
  const found = nameEnd === -1 ? [] : wordsOf(content.slice(nameEnd));
  return typeof found === 'string' ? { name, words: [], problem: found } : { name, words: found, problem: undefined };
}

/** Words are set apart by spaces; what is in quotes at the beginning of a word is one. `\"` in quotes is a quote. */
function wordsOf(text: string): readonly string[] | WordsProblem {
  const words: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (SPACE.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    if (words.length === ARGUMENTS_MAX) return 'too-many-arguments';
    const closing = QUOTES[text.charAt(at)];
    const word = closing === undefined ? plainWord(text, at) : quotedWord(text, at + 1, closing);
    if (word === undefined) return 'unterminated-quote';
    words.push(word.text);
    at = word.end;
  }
  return words;
}

interface Word {
  readonly text: string;
  readonly end: number;
}

function plainWord(text: string, from: number): Word {
  let end = from;
  while (end < text.length && !SPACE.test(text.charAt(end))) end += 1;
  return { text: text.slice(from, end), end };
}

function quotedWord(text: string, from: number, closing: string): Word | undefined {
  let word = '';
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    const next = text.charAt(at + 1);
    if (character === closing) return { text: word, end: at + 1 };
    const isEscape = character === '\\' && (next === closing || next === '\\');
    if (isEscape) at += 1;
    word += isEscape ? next : character;
  }
  return undefined;
}

/** Names are shown to people and written to logs and tables: no control or formatting characters, no half characters. */
function printable(name: string): string {
  return Array.from(name.toLowerCase().replaceAll(/[\p{C}\p{Z}]/gu, ''))
    .slice(0, NAME_LENGTH_MAX)
    .join('');
}
