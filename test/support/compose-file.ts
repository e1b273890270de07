// compose.yaml as Compose reads it: anchors merged, variables put in, settings without a value passed on or left out.
import { parse } from 'yaml';
import { z } from 'zod';
import type { Environment } from '../../service/config.ts';
import { readProjectFile } from './project-files.ts';

/** Strict: a key that is not listed here is a slip, or deserves a look (a privilege, say). */
const serviceSchema = z.strictObject({
  image: z.string(),
  hostname: z.string().optional(),
  init: z.boolean().optional(),
  tmpfs: z.array(z.string()).default([]),
  shm_size: z.string().optional(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  profiles: z.array(z.string()).default([]),
  user: z.string().optional(),
  read_only: z.boolean().default(false),
  restart: z.string().optional(),
  stop_grace_period: z.string().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  logging: z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) }).optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()]).nullable()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.string(), required: z.boolean().default(true) }))
    .default({}),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()),
      interval: z.string(),
      timeout: z.string(),
      retries: z.number(),
      start_period: z.string(),
    })
    .optional(),
  deploy: z
    .strictObject({
      replicas: z.string().optional(),
      resources: z.strictObject({ limits: z.strictObject({ cpus: z.string(), memory: z.string() }) }),
    })
    .optional(),
});

const fileSchema = z.object({
  name: z.string(),
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeService = Readonly<z.infer<typeof serviceSchema>>;

export const COMPOSE_TEXT = readProjectFile('compose/compose.yaml');

/** As written: variables are not put in. */
export const COMPOSE_FILE = fileSchema.parse(parse(COMPOSE_TEXT, { merge: true }));

/** With variables put in; throws for a required one that is not set. */
export function composeServices(variables: Environment): ReadonlyMap<string, ComposeService> {
  const put = (value: unknown): unknown => {
    if (typeof value === 'string') return interpolate(value, variables);
    if (Array.isArray(value)) return value.map(put);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, put(one)]));
  };
  return new Map(
    Object.entries(COMPOSE_FILE.services).map(([name, service]) => [name, serviceSchema.parse(put(service))]),
  );
}

/** What the container gets. */
export function environmentOf({ environment }: ComposeService, variables: Environment): Record<string, string> {
  const given = Object.entries(environment).map(([name, value]) => [name, value ?? variables[name]] as const);
  return Object.fromEntries(
    given.filter(([, value]) => value !== undefined).map(([name, value]) => [name, `${value}`]),
  );
}

/** Compose's own rules for `$$`, `${A}`, `${A:-default}` and `${A:?message}`, also one in another. */
export function interpolate(text: string, variables: Environment): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('$$', at)) {
      result += '$';
      at += 2;
    } else if (text.startsWith('${', at)) {
      const end = closingBrace(text, at);
      result += valueOf(text.slice(at + 2, end), variables);
      at = end + 1;
    } else {
      result += text.charAt(at);
      at += 1;
    }
  }
  return result;
}

function valueOf(expression: string, variables: Environment): string {
  const match = /^([A-Z][A-Z_0-9]*)(?:(:[-?])([^]*))?$/.exec(expression);
  if (match === null) throw new Error(`\${${expression}} is not understood`);
  const [, name = '', operator, rest = ''] = match;
  const value = variables[name];
  if (value !== undefined && value !== '') return value;
  if (operator === ':-') return interpolate(rest, variables);
  throw new Error(`required variable ${name} is missing a value: ${rest}`);
}

function closingBrace(text: string, from: number): number {
  let open = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith('${', at)) open += 1;
    if (text.charAt(at) === '}') open -= 1;
    if (text.charAt(at) === '}' && open === 0) return at;
  }
  throw new Error(`a brace is not closed: ${text.slice(from)}`);
}

/** Every line of .env.example that sets something, or would if it were not commented out. */
export function exampleVariables(): readonly {
  readonly name: string;
  readonly value: string;
  readonly isSet: boolean;
}[] {
  const lines = readProjectFile('compose/.env.example').matchAll(/^(#?)([A-Z][A-Z_0-9]*)=(.*)$/gm);
  return [...lines].map(([, hash, name = '', value = '']) => ({ name, value, isSet: hash === '' }));
}

/** A compose/.env as the example says to make it: copied, with the secrets drawn. */
export const EXAMPLE_ENVIRONMENT: Environment = {
  ...Object.fromEntries(exampleVariables().flatMap(({ name, value, isSet }) => (isSet ? [[name, value]] : []))),
  PMC_POSTGRES_PASSWORD: 'a'.repeat(48),
  PMC_DATABASE_PASSWORD: 'b'.repeat(48),
  PMC_REGISTRY_PASSWORD: 'c'.repeat(48),
  PMC_CONSOLE_TOKEN: 'd'.repeat(48),
  PMC_CHAOS_TOKEN: 'e'.repeat(48),
};
