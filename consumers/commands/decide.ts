// From a command and the facts to its one reply, or to the call that brings it; pure. Nothing that begins with a slash stays
// unanswered.
import { type Bound, bindArguments, usageOf } from './arguments.ts';
import type { Command } from './command.ts';
import type { ApiCall, Asked, CommandDefinition } from './definition.ts';
import type { Api, Declarations } from './external/declaration.ts';
import type { FactName } from './facts.ts';
import { COMMANDS, findCommand } from './registry.ts';
import { type Asker, DEFAULT_RULE, isAllowed, type Rule } from './rules.ts';
import { deniedText, unknownText } from './unusable.ts';
import { durationText } from './wording.ts';

/** Answers to commands of these labels are counted together. */
interface LimitOfLabels {
  readonly labels: readonly string[];
  readonly perMinute: number;
}

/** A command that was read, with all that is known of it before any question is asked. */
export interface Request {
  readonly command: Command;
  /** undefined: there is no such command. */
  readonly definition: CommandDefinition | undefined;
  /** What /api names, where the asker may use it. */
  readonly api: Api | undefined;
  readonly bound: Bound;
  readonly rule: Rule;
  /** All that hold: its own, and that of all APIs together where it is one of them. */
  readonly limits: readonly LimitOfLabels[];
  /**
   * For metrics, the ledger and limits: a known name, or `unknown`, so that users cannot invent label values; calls of an API
   * are counted apart.
   */
  readonly label: string;
}

export function requestOf(command: Command, declarations: Declarations): Request {
  const { apis, rules } = declarations;
  const definition = findCommand(command.name);
  const bound = bindArguments(definition?.parameters ?? {}, command);
  const apiName = definition?.name === 'api' ? command.words[0]?.toLowerCase() : undefined;
  const api = apis.find(({ name }) => name === apiName);
  const name = definition?.name ?? 'unknown';
  const rule = api?.rule ?? ruleOf(name, rules);
  const label = api === undefined ? name : labelOf(api);
  const ofAllApis = name === 'api' ? limitOfApis(declarations) : undefined;
  const own = { labels: [label], perMinute: rule.perMinute };
  return {
    command,
    definition,
    api,
    bound,
    rule,
    limits: ofAllApis === undefined ? [own] : api === undefined ? [ofAllApis] : [own, ofAllApis],
    label,
  };
}

function limitOfApis({ apis, apisPerMinute }: Declarations): LimitOfLabels | undefined {
  return apisPerMinute === undefined ? undefined : { labels: ['api', ...apis.map(labelOf)], perMinute: apisPerMinute };
}

/** The facts that the reply is made of: none where it only complains. */
export function neededFacts({ definition, bound }: Request): readonly FactName[] {
  return bound.ok ? (definition?.needs ?? []) : [];
}

/** What is searched for in the asking chat. */
export function searchedText({ definition, bound }: Request): string | undefined {
  return bound.ok ? definition?.searchFor?.(bound.values) : undefined;
}

/** What of all this one asker may see and use. */
export function visibleTo(
  asker: Asker,
  { apis, apisPerMinute, rules }: Declarations,
): Pick<Asked, 'rules' | 'definitions' | 'apis' | 'apisPerMinute'> {
  const own = new Map(COMMANDS.map(({ name }) => [name, ruleOf(name, rules)]));
  const usable = isAllowed(ruleOf('api', own), asker) ? apis.filter(({ rule }) => isAllowed(rule, asker)) : [];
  const canUse = ({ name, needsApis }: CommandDefinition): boolean =>
    isAllowed(ruleOf(name, own), asker) && (needsApis !== true || usable.length > 0);
  return { rules: own, definitions: COMMANDS.filter(canUse), apis: usable, apisPerMinute };
}

/** What the decision is made of besides the request; the arguments are the request's. */
export type Circumstances = Omit<Asked, 'arguments' | 'words' | 'typedName'>;

export function decide(request: Request, asked: Circumstances): string | ApiCall {
  const { command, definition, api, bound, rule } = request;
  if (definition === undefined) {
    const usable = asked.definitions.map(({ name }) => name);
    return unknownText(command.name, usable, 'en');
  }
  if (!isAllowed(rule, asked) || !isAllowed(ruleOf(definition.name, asked.rules), asked))
    return deniedReply(definition, api);
  if (!bound.ok) {
    return `${definition.name}: ${bound.problem}. Usage: ${usageOf(definition.name, definition.parameters)}`;
  }
  return definition.reply({ ...asked, arguments: bound.values, words: command.words, typedName: command.name });
}

export function limitReply({ definition, label, limits: [, ofAllApis], rule: { perMinute } }: Request): string {
  const what = definition === undefined ? 'unknown commands' : label;
  const also = ofAllApis === undefined ? '' : `, and all external services ${ofAllApis.perMinute} times,`;
  const window = durationText(60_000);
  return `Too many: ${what} is answered ${perMinute} times${also} in ${window} for one sender in a chat. Wait a while, then send it again.`;
}

function labelOf({ name }: Api): string {
  return `api ${name}`;
}

function deniedReply({ name }: CommandDefinition, api: Api | undefined): string {
  return deniedText(api === undefined ? name : `${name} ${api.name}`, 'en');
}

function ruleOf(name: string, rules: Declarations['rules']): Rule {
  return rules.get(name) ?? DEFAULT_RULE;
}
