// What is said of a call that has ended; pure. An answer is somebody else's text: bounded, printable, never a command.
import type { Api } from './declaration.ts';
import type { Attempt } from './outcome.ts';
import { fill, namesIn, type TemplateValues } from './template.ts';

const REPLY_LENGTH_MAX = 4_000;

export type CallOutcome = Pick<Attempt, 'status' | 'reason' | 'answer'>;

export function replyTo(api: Pick<Api, 'name' | 'reply'>, outcome: CallOutcome, values: TemplateValues): string {
  switch (outcome.status) {
    case 'done':
      return presentable(api.name, mapped(api, outcome, values));
    case 'failed':
      return presentable(api.name, `${api.name}: not done, ${outcome.reason}.`);
    case 'unknown':
      return presentable(
        api.name,
        `${api.name}: it is not known whether this was done, ${outcome.reason}. It is not done again; look before you repeat it.`,
      );
  }
}

function mapped({ name, reply }: Pick<Api, 'name' | 'reply'>, { answer }: CallOutcome, values: TemplateValues): string {
  const text = answer?.body.toString('utf8') ?? '';
  const json = parsed(text);
  const isAsked = (part: string): boolean => part.startsWith('response.');
  const missing = namesIn(reply).filter((part) => isAsked(part) && fieldOf(json, part) === undefined);
  if (missing.length > 0) return `${name}: done, but its answer has no ${missing.join(', ')}.`;
  const valueOf = (part: string): unknown => {
    if (part === 'status') return answer?.status;
    if (part === 'response') return text;
    return isAsked(part) ? fieldOf(json, part) : values(part);
  };
  return fill(reply, valueOf, (one) => one);
}

/** `response.a.0.b` of the answer; undefined where there is none. */
function fieldOf(json: unknown, path: string): unknown {
  let value = json;
  for (const key of path.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function presentable(name: string, text: string): string {
  const printable = text
    .toWellFormed()
    .replaceAll(/[^\P{C}\n\t]/gu, '')
    .trim();
  const shown = printable === '' ? `${name}: done.` : printable;
  // An echo of it must not be a command.
  const safe = shown.startsWith('/') ? `${name}: ${shown}` : shown;
  return safe.length <= REPLY_LENGTH_MAX
    ? safe
    : `${Array.from(safe.slice(0, REPLY_LENGTH_MAX)).slice(0, -1).join('')}…`;
}
