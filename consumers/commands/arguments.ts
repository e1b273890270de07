// From the words of a command to typed arguments, or to a sentence that says what is wrong with them; pure.
import { ARGUMENTS_MAX, CONTENT_LENGTH_MAX, type Command, type WordsProblem } from './command.ts';
import { countText } from './wording.ts';

interface Described {
  /** May be left out; only arguments at the end may. */
  readonly optional?: true;
}

/** `word`: one word. `text`: all words that are left, so the last one. `whole`: a whole number. `choice`: one of `values`. */
export type Parameter =
  | ({ readonly kind: 'word' } & Described)
  | ({ readonly kind: 'text' } & Described)
  | ({ readonly kind: 'whole'; readonly min: number; readonly max: number } & Described)
  | ({ readonly kind: 'choice'; readonly values: readonly string[] } & Described);

/** By name, in the order in which they are typed. */
export type Parameters = Readonly<Record<string, Parameter>>;

type ValueOf<P extends Parameter> = P extends { kind: 'whole' }
  ? number
  : P extends { kind: 'choice'; values: readonly (infer V)[] }
    ? V
    : string;

export type ArgumentsOf<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends { optional: true } ? ValueOf<P[K]> | undefined : ValueOf<P[K]>;
};

export type ArgumentValues = Readonly<Record<string, string | number | undefined>>;

export type Bound =
  | { readonly ok: true; readonly values: ArgumentValues }
  | { readonly ok: false; readonly problem: string };

const WHOLE = /^[+-]?\d{1,15}$/;
const PROBLEMS: Readonly<Record<WordsProblem, string>> = {
  'too-long': `it is longer than ${countText(CONTENT_LENGTH_MAX)} characters`,
  'unterminated-quote': 'a quotation mark is not closed; write \\" for one inside a quotation',
  'too-many-arguments': `it has more than ${ARGUMENTS_MAX} arguments`,
};

export function bindArguments(parameters: Parameters, { words, problem }: Omit<Command, 'name'>): Bound {
  if (problem !== undefined) return { ok: false, problem: PROBLEMS[problem] };
  const values: Record<string, string | number | undefined> = {};
  let next = 0;
  for (const [name, parameter] of Object.entries(parameters)) {
    const text = parameter.kind === 'text' ? words.slice(next).join(' ') : words[next];
    next = parameter.kind === 'text' ? words.length : next + 1;
    const isGiven = text !== undefined && text.trim() !== '';
    if (!isGiven && parameter.optional !== true) return { ok: false, problem: `${name} is missing` };
    const value = isGiven ? valueOf(parameter, text) : undefined;
    if (isGiven && value === undefined) return { ok: false, problem: `${name} must be ${wanted(parameter)}` };
    values[name] = value;
  }
  const known = Object.keys(parameters).length;
  if (words.length <= next) return { ok: true, values };
  const takes = known === 0 ? 'no arguments' : `at most ${known} ${known === 1 ? 'argument' : 'arguments'}`;
  return { ok: false, problem: `it takes ${takes}, and got ${words.length}` };
}

/** How a command is typed, e.g. `/search <text>`; what may be left out is in brackets. */
export function usageOf(command: string, parameters: Parameters): string {
  const parts = Object.entries(parameters).map(([name, parameter]) => {
    const shown = parameter.kind === 'choice' ? parameter.values.join('|') : name;
    return parameter.optional === true ? `[${shown}]` : `<${shown}>`;
  });
  return [`/${command}`, ...parts].join(' ');
}

function valueOf(parameter: Parameter, text: string): string | number | undefined {
  switch (parameter.kind) {
    case 'word':
    case 'text':
      return text;
    case 'whole': {
      const value = Number(text);
      return WHOLE.test(text) && value >= parameter.min && value <= parameter.max ? value : undefined;
    }
    case 'choice':
      return parameter.values.find((value) => value.toLowerCase() === text.toLowerCase());
  }
}

function wanted(parameter: Parameter): string {
  switch (parameter.kind) {
    case 'word':
    case 'text':
      return 'a text';
    case 'whole':
      return `a whole number from ${countText(parameter.min)} to ${countText(parameter.max)}`;
    case 'choice':
      return `one of: ${parameter.values.join(', ')}`;
  }
}
