// What a command is made of. A new one is a file in replies/ and a line in the registry.
import type { ArgumentsOf, ArgumentValues, Parameters } from './arguments.ts';
import type { Api } from './external/declaration.ts';
import type { About, FactName, Facts, Hit } from './facts.ts';
import type { Rule } from './rules.ts';

export const LANGUAGES = ['en', 'pt'] as const;
export type Language = (typeof LANGUAGES)[number];
/** The same in each language. */
export type Texts = Readonly<Record<Language, string>>;

export interface Asked<Values extends ArgumentValues = ArgumentValues> {
  readonly arguments: Values;
  /** What the arguments were made of. */
  readonly words: readonly string[];
  /** The name that was typed: the command's own or an alias. */
  readonly typedName: string;
  readonly source: string;
  readonly chat: string | null;
  readonly actor: string | null;
  /** Milliseconds since the Unix epoch at which the gateway received the command. */
  readonly receivedAtMs: number;
  readonly nowMs: number;
  /** Those the definition needs; a missing one is unknown. */
  readonly facts: Facts;
  /** What was searched for, newest first; undefined when it could not be found out in time. */
  readonly hits: readonly Hit[] | undefined;
  readonly about: About;
  /** Of every command, by its name, also of those that the asker may not use. */
  readonly rules: ReadonlyMap<string, Rule>;
  /** What the asker may use, and can. */
  readonly definitions: readonly CommandDefinition[];
  readonly apis: readonly Api[];
  /** Of all APIs together; undefined where only each has its own limit. */
  readonly apisPerMinute?: number | undefined;
  /** The language in which help is given unless another is asked for. */
  readonly language: Language;
}

/** The reply comes later, from an external API that is called in the background. */
export interface ApiCall {
  readonly api: Api;
  readonly values: ArgumentValues;
}

export interface CommandDefinition {
  readonly name: string;
  /** Other names, which /help does not list. */
  readonly aliases?: readonly string[];
  /** What it tells, for /help: a few words without a full stop. */
  readonly description: Texts;
  readonly parameters: Parameters;
  /** Of no use, and therefore not offered, where the asker may use no external service. */
  readonly needsApis?: true;
  /** Facts to collect before it can answer; only these are asked for. */
  readonly needs: readonly FactName[];
  /** What to search for in the asking chat before it can answer. */
  searchFor?(values: ArgumentValues): string;
  /** The text of the one visible reply, or the call that brings it. Pure. */
  reply(asked: Asked): string | ApiCall;
}

type Typed<P extends Parameters> = Omit<CommandDefinition, 'parameters' | 'searchFor' | 'reply'> & {
  readonly parameters: P;
  searchFor?(values: ArgumentsOf<P>): string;
  reply(asked: Asked<ArgumentsOf<P>>): string | ApiCall;
};

/** A definition whose arguments have the types that its parameters say. */
export function defineCommand<const P extends Parameters>(definition: Typed<P>): CommandDefinition {
  return definition;
}
