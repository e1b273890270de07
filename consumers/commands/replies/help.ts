// What can be sent, made from the definitions themselves; only what the asker may use.
import { usageOf } from '../arguments.ts';
import {
  type Asked,
  type CommandDefinition,
  defineCommand,
  LANGUAGES,
  type Language,
  type Texts,
} from '../definition.ts';
import type { Api } from '../external/declaration.ts';
import { isAllowed, type Rule } from '../rules.ts';
import { deniedText, unknownText } from '../unusable.ts';
import { commandHelp } from './command-help.ts';

const HEADING: Texts = { en: 'Commands:', pt: 'Comandos:' };
const APIS: Texts = { en: 'External services:', pt: 'Serviços externos:' };
const ONE: Texts = {
  en: 'More about one of them: /help NAME',
  pt: 'Mais sobre um deles: /ajuda NOME',
};
const QUOTES: Texts = {
  en: 'Put an argument of several words into quotation marks.',
  pt: 'Coloque entre aspas um argumento de várias palavras.',
};
/** Asks for Portuguese in Portuguese. */
const PORTUGUESE_NAME = 'ajuda';
const SHOWN_LENGTH_MAX = 32;

/** What the words behind /help ask for: the name of a command, without its slash, and a language. */
interface Wanted {
  readonly about: string | undefined;
  readonly language: Language | undefined;
}

export const help = defineCommand({
  name: 'help',
  aliases: [PORTUGUESE_NAME],
  description: { en: 'the commands you can send, or one of them', pt: 'os comandos que você pode enviar, ou um deles' },
  // The first takes all words, of which the last may be the language: either may be left out.
  parameters: {
    command: { kind: 'text', optional: true },
    language: { kind: 'choice', values: LANGUAGES, optional: true },
  },
  needs: [],
  reply: (asked) => {
    const wanted = wantedBy(asked.words);
    const language = wanted.language ?? (asked.typedName === PORTUGUESE_NAME ? 'pt' : asked.language);
    return wanted.about === undefined ? listText(asked, language) : aboutText(wanted.about, asked, language);
  },
});

function wantedBy(words: readonly string[]): Wanted {
  const lower = words.map((word) => word.toLowerCase());
  const language = LANGUAGES.find((one) => one === lower.at(-1));
  const about = (language === undefined ? lower : lower.slice(0, -1)).join(' ').replace(/^\/+/, '');
  return { about: about === '' ? undefined : about, language };
}

function listText({ definitions, apis }: Pick<Asked, 'definitions' | 'apis'>, language: Language): string {
  const services = apis.length === 0 ? [] : [APIS[language], ...apis.map((api) => apiLine(api, language))];
  const lines = [...definitions.map((one) => commandLine(one, language)), ...services];
  return [HEADING[language], ...lines, ONE[language], QUOTES[language]].join('\n');
}

function aboutText(
  about: string,
  asked: Pick<Asked, 'definitions' | 'apis' | 'apisPerMinute' | 'rules' | 'source' | 'chat' | 'actor'>,
  language: Language,
): string {
  const { definitions, apis, rules } = asked;
  const found = definitions.find(({ name, aliases }) => name === about || aliases?.includes(about) === true);
  const rule = rules.get(found?.name ?? about);
  if (found !== undefined && rule !== undefined) return commandHelp(found.name, found, rule, language);
  const api = apis.find(({ name }) => [name, `api ${name}`].includes(about));
  if (api !== undefined) return commandHelp(`api ${api.name}`, api, ruleOfBoth(api, asked), language);
  if (rule !== undefined && !isAllowed(rule, asked)) return deniedText(about, language);
  const usable = [...definitions.map(({ name }) => name), ...apis.map(({ name }) => `api ${name}`)];
  return unknownText(Array.from(about).slice(0, SHOWN_LENGTH_MAX).join(''), usable, language);
}

/** Its own and that of `/api`, as they are told to somebody who may use it by both. */
function ruleOfBoth({ rule }: Api, { apisPerMinute, rules }: Pick<Asked, 'apisPerMinute' | 'rules'>): Rule {
  const perMinute = Math.min(rule.perMinute, apisPerMinute ?? rule.perMinute);
  return { allow: rule.allow ?? rules.get('api')?.allow, perMinute };
}

function commandLine({ name, parameters, description }: CommandDefinition, language: Language): string {
  return `${usageOf(name, parameters)} - ${description[language]}`;
}

function apiLine({ name, parameters, description }: Api, language: Language): string {
  return `${usageOf(`api ${name}`, parameters)} - ${description[language]}`;
}
