// From what the file of external APIs says to endpoints that can be called; pure. What can be wrong is found here, at the
// start, so that none of it can fail while a command waits.
import type { Environment } from '../../../service/config.ts';
import type { Parameter, Parameters } from '../arguments.ts';
import type { Texts } from '../definition.ts';
import { DEFAULT_RULE, type Rule } from '../rules.ts';
import type { DeclaredApi, DeclaredEndpoint, DeclaredFile, METHODS } from './file-schema.ts';
import {
  type JsonTemplate,
  namesIn,
  namesInJson,
  parseJsonTemplate,
  parseTemplate,
  type Template,
} from './template.ts';

/** Where and how to call. */
export interface Endpoint {
  /** Its name in the ledger: `api:NAME` or `webhook:NAME`. */
  readonly target: string;
  readonly method: (typeof METHODS)[number];
  readonly url: Template;
  readonly headers: readonly (readonly [string, Template])[];
  readonly body: JsonTemplate | undefined;
  readonly secret: string | undefined;
  readonly isSigned: boolean;
  /** Doing it twice under one idempotency key is doing it once: then what has an unknown outcome is done again. */
  readonly isIdempotent: boolean;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly concurrency: number;
  readonly breaker: { readonly failures: number; readonly pauseMs: number };
  readonly responseBytesMax: number;
  readonly allowsPrivateAddresses: boolean;
}

export interface Api extends Endpoint {
  readonly name: string;
  readonly description: Texts;
  readonly parameters: Parameters;
  readonly rule: Rule;
  /** Calls that may wait for their turn; the next one is refused. */
  readonly waitingMax: number;
  readonly reply: Template;
}

export interface Declarations {
  /** By the names of our own commands. */
  readonly rules: ReadonlyMap<string, Rule>;
  readonly apis: readonly Api[];
  /** How often all APIs together answer one sender in one chat in a minute; undefined where `/api` has no limit of its own. */
  readonly apisPerMinute?: number | undefined;
  /** Told of what the audit finds. */
  readonly webhooks: readonly Endpoint[];
}

export const NO_DECLARATIONS: Declarations = { rules: new Map(), apis: [], webhooks: [] };

/** What is wrong, and where: the keys that lead to it. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Note = (path: readonly PropertyKey[], message: string) => void;

/** What an API's templates may name besides its arguments. */
const ABOUT_THE_ASKER = ['command_id', 'source', 'chat', 'sender'];
const ABOUT_A_FINDING = [
  'command_id',
  'finding',
  'finding_key',
  'kind',
  'stage',
  'state',
  'first_seen_at',
  'opened_at',
];
const IN_HEADERS = ['secret', 'command_id'];
const NO_TEMPLATE: Template = { parts: [] };
/** Set by us, or a matter of the connection. */
const OUR_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'content-length', 'transfer-encoding', 'content-type', 'user-agent', 'accept'],
  ...['accept-encoding', 'expect', 'upgrade', 'te', 'trailer', 'keep-alive', 'proxy-authorization'],
  ...['idempotency-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
]);

export function declare(
  file: DeclaredFile,
  knownCommands: readonly string[],
  environment: Environment,
): { readonly declarations: Declarations; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const note: Note = (path, message) => problems.push({ path, message });
  for (const name of Object.keys(file.commands)) {
    if (!knownCommands.includes(name)) {
      note(['commands', name], `is no command; allowed: ${knownCommands.join(', ')}`);
    }
  }
  const rules = new Map(Object.entries(file.commands).map(([name, rule]) => [name, ruleOf(rule)]));
  const apis = Object.entries(file.apis).map(([name, api]) => toApi(name, api, environment, note));
  const webhooks = Object.entries(file.webhooks).map(([name, webhook]) =>
    toEndpoint(`webhook:${name}`, ['webhooks', name], webhook, ABOUT_A_FINDING, environment, note),
  );
  const apisPerMinute = file.commands['api']?.per_minute;
  return { declarations: { rules, apis, apisPerMinute, webhooks }, problems };
}

function toApi(name: string, api: DeclaredApi, environment: Environment, note: Note): Api {
  const path = ['apis', name];
  const parameters: Record<string, Parameter> = {};
  for (const [index, { name: argument, optional, ...rest }] of api.arguments.entries()) {
    const at = [...path, 'arguments', index];
    const before = api.arguments[index - 1];
    if (Object.hasOwn(parameters, argument)) note([...at, 'name'], 'is there twice');
    if (ABOUT_THE_ASKER.includes(argument) || argument === 'response' || argument === 'status')
      note([...at, 'name'], 'has a meaning of its own in templates; choose another');
    if (before?.kind === 'text') note([...at, 'kind'], 'cannot follow a text, which takes all words that are left');
    if (before?.optional === true && !optional) note([...at, 'optional'], 'must be true behind one that is optional');
    if (rest.kind === 'whole' && rest.min > rest.max) note([...at, 'min'], `is above max, which is ${rest.max}`);
    if (rest.kind === 'choice') noteRepeatedChoices(rest.values, [...at, 'values'], note);
    parameters[argument] = optional ? { ...rest, optional } : rest;
  }
  const names = [...Object.keys(parameters), ...ABOUT_THE_ASKER];
  const isInReply = (one: string): boolean =>
    [...names, 'status', 'response'].includes(one) || one.startsWith('response.');
  const replyNames = [...names, 'status', 'response', 'response.FIELD'];
  return {
    ...toEndpoint(`api:${name}`, path, api, names, environment, note),
    name,
    description: api.description,
    parameters,
    rule: ruleOf(api),
    waitingMax: api.waiting_max,
    reply: templateOf(api.reply, [...path, 'reply'], isInReply, replyNames, note),
  };
}

function noteRepeatedChoices(values: readonly string[], path: readonly PropertyKey[], note: Note): void {
  const lower = values.map((value) => value.toLowerCase());
  for (const [index, value] of lower.entries()) {
    if (lower.indexOf(value) < index) note([...path, index], 'is there twice; capitals make no difference');
  }
}

function toEndpoint(
  target: string,
  path: readonly string[],
  declared: DeclaredEndpoint,
  names: readonly string[],
  environment: Environment,
  note: Note,
): Endpoint {
  const isNamed = (one: string): boolean => names.includes(one);
  const url = templateOf(declared.url, [...path, 'url'], isNamed, names, note);
  const urlProblem = problemOfUrl(url);
  if (urlProblem !== undefined) note([...path, 'url'], urlProblem);
  const headers = Object.entries(declared.headers).map(([header, value]) => {
    const at = [...path, 'headers', header];
    if (OUR_HEADERS.has(header.toLowerCase())) note(at, 'is set by this system');
    if (/[^\t\x20-\x7e]/.test(value)) note(at, 'has a character that a header cannot hold');
    return [header, templateOf(value, at, (one) => IN_HEADERS.includes(one), IN_HEADERS, note)] as const;
  });
  const usesSecret = declared.sign || headers.some(([, value]) => namesIn(value).includes('secret'));
  return {
    target,
    method: declared.method,
    url,
    headers,
    body: bodyOf(declared, [...path, 'body'], names, note),
    secret: secretOf(declared.secret_env, usesSecret, path, environment, note),
    isSigned: declared.sign,
    isIdempotent: declared.idempotent ?? declared.method === 'GET',
    timeoutMs: declared.timeout_seconds * 1_000,
    retries: declared.retries,
    concurrency: declared.concurrency,
    breaker: { failures: declared.breaker.failures, pauseMs: declared.breaker.pause_seconds * 1_000 },
    responseBytesMax: declared.response_kib_max * 1_024,
    allowsPrivateAddresses: declared.private_addresses,
  };
}

function bodyOf(
  { method, body }: DeclaredEndpoint,
  path: readonly string[],
  names: readonly string[],
  note: Note,
): JsonTemplate | undefined {
  if (body === undefined) return undefined;
  if (method === 'GET') note(path, 'cannot go with GET; put the values into the url');
  try {
    const json = parseJsonTemplate(body);
    const wrong = namesInJson(json).find((one) => !names.includes(one));
    if (wrong !== undefined) note(path, unknownName(wrong, names));
    return json;
  } catch (error) {
    note(path, (error as SyntaxError).message);
    return undefined;
  }
}

function secretOf(
  variable: string | undefined,
  isUsed: boolean,
  path: readonly string[],
  environment: Environment,
  note: Note,
): string | undefined {
  if (variable === undefined) {
    if (isUsed) note([...path], 'uses a secret (sign, or {secret} in a header); name its variable in secret_env');
    return undefined;
  }
  const secret = environment[variable];
  if (!isUsed) note([...path, 'secret_env'], 'is not used; set sign: true, or write {secret} in a header');
  if (secret === undefined || secret === '') note([...path, 'secret_env'], `names ${variable}, which is not set`);
  else if (/[^\x21-\x7e]/.test(secret))
    note([...path, 'secret_env'], `names ${variable}, which holds a space or a character that is not ASCII`);
  return secret;
}

function templateOf(
  text: string,
  path: readonly PropertyKey[],
  isAllowed: (name: string) => boolean,
  allowed: readonly string[],
  note: Note,
): Template {
  try {
    const template = parseTemplate(text);
    const wrong = namesIn(template).find((name) => !isAllowed(name));
    if (wrong !== undefined) note(path, unknownName(wrong, allowed));
    return template;
  } catch (error) {
    note(path, (error as SyntaxError).message);
    return NO_TEMPLATE;
  }
}

/** Whom to call is the operator's to say, never an argument's: nothing is put in before the path. */
function problemOfUrl({ parts: [first, ...others] }: Template): string | undefined {
  // What is put in right behind a host, or its port, would be a part of it.
  const origin = others.length === 0 ? /^https?:\/\/[^/?#]+/ : /^https?:\/\/[^/?#]+[/?]/;
  if (typeof first !== 'string' || !origin.test(first) || !URL.canParse(first)) {
    return 'must begin with http:// or https:// and a host, without a {name} before the path';
  }
  const { username, password, hash } = new URL(first);
  if (username !== '' || password !== '') return 'must not hold a login; use secret_env and a header';
  return hash === '' ? undefined : 'must not have a fragment';
}

function unknownName(name: string, allowed: readonly string[]): string {
  return `has {${name}}, which nothing stands for; allowed: ${allowed.join(', ')}`;
}

function ruleOf({ allow, per_minute: perMinute = DEFAULT_RULE.perMinute }: DeclaredFile['commands'][string]): Rule {
  return { allow, perMinute };
}
