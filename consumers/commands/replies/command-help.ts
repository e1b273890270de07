// All that there is to say of one command or external service: how it is typed, what it takes, who may use it; pure.
import { type Parameter, usageOf } from '../arguments.ts';
import type { CommandDefinition, Language } from '../definition.ts';
import type { Rule } from '../rules.ts';

interface Words {
  readonly usage: string;
  readonly takesNothing: string;
  readonly optional: string;
  readonly also: string;
  readonly kinds: { readonly [Kind in Exclude<Parameter['kind'], 'whole' | 'choice'>]: string };
  readonly whole: (min: string, max: string) => string;
  readonly choice: (values: string) => string;
  readonly who: (rule: Rule) => string;
}

const LOCALE = { en: 'en-US', pt: 'pt-BR' } as const;

const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    usage: 'Usage',
    takesNothing: 'It takes no arguments.',
    optional: ', may be left out',
    also: 'Also',
    kinds: { word: 'one word, or several in quotation marks', text: 'all words that follow' },
    whole: (min, max) => `a whole number from ${min} to ${max}`,
    choice: (values) => `one of: ${values}`,
    who: ({ allow, perMinute }) =>
      `Who may use it: ${allow === undefined ? 'everybody' : 'some senders and chats, you among them'}, ${perMinute} times a minute.`,
  },
  pt: {
    usage: 'Uso',
    takesNothing: 'Não tem argumentos.',
    optional: ', pode ser omitido',
    also: 'Também',
    kinds: { word: 'uma palavra, ou várias entre aspas', text: 'todas as palavras que seguem' },
    whole: (min, max) => `um número inteiro de ${min} a ${max}`,
    choice: (values) => `um destes: ${values}`,
    who: ({ allow, perMinute }) =>
      `Quem pode usar: ${allow === undefined ? 'todos' : 'alguns remetentes e conversas, entre eles você'}, ${perMinute} vezes por minuto.`,
  },
};

/** `command` is how it is called behind the slash. */
export function commandHelp(
  command: string,
  { description, parameters, aliases = [] }: Pick<CommandDefinition, 'description' | 'parameters' | 'aliases'>,
  rule: Rule,
  language: Language,
): string {
  const words = WORDS[language];
  const taken = Object.entries(parameters).map(([name, parameter]) => argumentLine(name, parameter, language));
  return [
    // Not the slash first: what is echoed back must not be a command.
    `${command} - ${description[language]}`,
    `${words.usage}: ${usageOf(command, parameters)}`,
    ...(taken.length === 0 ? [words.takesNothing] : taken),
    ...(aliases.length === 0 ? [] : [`${words.also}: ${aliases.map((alias) => `/${alias}`).join(', ')}`]),
    words.who(rule),
  ].join('\n');
}

function argumentLine(name: string, parameter: Parameter, language: Language): string {
  const words = WORDS[language];
  return `${name}: ${kindText(parameter, language)}${parameter.optional === true ? words.optional : ''}`;
}

function kindText(parameter: Parameter, language: Language): string {
  const { kinds, whole, choice } = WORDS[language];
  const number = (value: number): string => value.toLocaleString(LOCALE[language]);
  switch (parameter.kind) {
    case 'word':
    case 'text':
      return kinds[parameter.kind];
    case 'whole':
      return whole(number(parameter.min), number(parameter.max));
    case 'choice':
      return choice(parameter.values.join(', '));
  }
}
