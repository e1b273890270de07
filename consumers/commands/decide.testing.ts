// Decisions on commands as they are typed, for tests of what is replied.

import { parseCommand } from './command.ts';
import { type Circumstances, decide, requestOf, visibleTo } from './decide.ts';
import { type Declarations, NO_DECLARATIONS } from './external/declaration.ts';
import { readDeclarations } from './external/declaration-text.ts';
import type { Facts } from './facts.ts';
import { COMMANDS } from './registry.ts';

const ABOUT = { version: '1.2.3', startedAtMs: 0 };
export const NOW_MS = 7_200_000;

export function decided(
  content: string,
  overrides: Partial<Circumstances> = {},
  declarations: Declarations = NO_DECLARATIONS,
) {
  const asker = { source: 's', chat: 'c1', actor: 'ana', ...overrides };
  return decide(requestOf(parseCommand(content), declarations), {
    receivedAtMs: NOW_MS - 12,
    nowMs: NOW_MS,
    facts: {},
    hits: undefined,
    about: ABOUT,
    language: 'en',
    ...visibleTo(asker, declarations),
    ...asker,
  });
}

export function reply(
  content: string,
  facts: Facts = {},
  overrides: Partial<Circumstances> = {},
  declarations: Declarations = NO_DECLARATIONS,
): string {
  const decision = decided(content, { facts, ...overrides }, declarations);
  if (typeof decision !== 'string') throw new Error(`a call of ${decision.api.name}`);
  return decision;
}

/** Two APIs without a list of their own, and a rule of `/api`, which both go by. */
export function declaredWithRuleOfApi(rule: string): Declarations {
  const api = (name: string, perMinute: number): string => `
  ${name}:
    description: { en: a, pt: a }
    method: GET
    url: https://${name}.example/
    reply: ok
    per_minute: ${perMinute}`;
  const text = `
commands: { api: ${rule} }
apis:${api('order', 20)}${api('stock', 3)}`;
  return readDeclarations({ fileName: 'f', knownCommands: ['api'], environment: {}, text });
}

export const DECLARED = readDeclarations({
  fileName: 'commands.yaml',
  knownCommands: COMMANDS.map(({ name }) => name),
  environment: {},
  text: `
commands:
  stats: { allow: { senders: [bea], chats: [ops] }, per_minute: 2 }
apis:
  weather:
    description: { en: how the weather is, pt: como está o tempo }
    arguments: [{ name: city, kind: word }, { name: days, kind: whole, min: 1, max: 7, optional: true }]
    method: GET
    url: https://weather.example/{city}
    reply: "{response}"
  deploy:
    description: { en: deploys, pt: publica }
    method: POST
    url: https://deploy.example/
    reply: ok
    allow: { senders: [bea] }
`,
});
