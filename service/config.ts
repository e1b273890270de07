// Configuration is a pure function of the environment. A room lists its settings; `readSettings` returns all values or
// throws one error that names every variable that is wrong, what it was and what is allowed. docs/configuration.md is
// generated from the same lists.
import { z } from 'zod';
import { PmcError } from './errors.ts';
import { LOG_LEVELS } from './logger.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<T> {
  readonly variable: string;
  /** What it does, with its unit; one sentence for docs/configuration.md. */
  readonly description: string;
  readonly schema: z.ZodType<T, string | undefined>;
  /** Shown in the docs; the schema supplies the value itself. */
  readonly defaultText: string;
  readonly secret?: boolean;
  /** What is wrong with it beside the other variables, if anything: goes on after the variable's name. */
  readonly conflict?: (environment: Environment) => string | undefined;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

interface Described {
  readonly variable: string;
  readonly description: string;
  readonly secret?: boolean;
  readonly conflict?: (environment: Environment) => string | undefined;
}

function describe<T>(about: Described, schema: z.ZodType<T, string | undefined>, defaultText: string): Setting<T> {
  return { ...about, schema, defaultText };
}

const WHOLE_NUMBER = /^-?\d{1,15}$/;

export const setting = {
  text: (about: Described & { default?: string }): Setting<string> =>
    describe(about, withDefault(z.string().min(1, 'must not be empty'), about.default), about.default ?? 'required'),

  optionalText: (about: Described): Setting<string | undefined> =>
    describe(about, z.string().min(1, 'must not be empty').optional(), 'none'),

  /** A required setting of another list, not required here: undefined when the variable is not set. */
  optional: <T>(required: Setting<T>): Setting<T | undefined> => ({
    ...required,
    schema: required.schema.optional(),
    defaultText: 'none',
  }),

  choice: <const V extends readonly [string, ...string[]]>(
    about: Described & { values: V; default: V[number] },
  ): Setting<V[number]> =>
    describe(
      about,
      withDefault(z.enum(about.values, { error: `must be one of: ${about.values.join(', ')}` }), about.default),
      about.default,
    ) as Setting<V[number]>,

  integer: (about: Described & { min: number; max: number; default: number }): Setting<number> =>
    describe(
      about,
      withDefault(numeric(about.min, about.max, WHOLE_NUMBER), String(about.default)),
      String(about.default),
    ),

  optionalInteger: (about: Described & { min: number; max: number }): Setting<number | undefined> =>
    describe(about, numeric(about.min, about.max, WHOLE_NUMBER).optional(), 'none'),

  optionalNumber: (about: Described & { min: number; max: number }): Setting<number | undefined> =>
    describe(about, numeric(about.min, about.max, /^\d+(\.\d+)?$/).optional(), 'none'),

  port: (about: Described & { default: number }): Setting<number> => setting.integer({ ...about, min: 0, max: 65_535 }),

  /** At least one item, unless the default is the empty text. */
  list: (about: Described & { default?: string; item: RegExp; itemText: string }): Setting<readonly string[]> =>
    describe(
      about,
      withDefault(
        z.string().transform((text, context) => {
          const items = text
            .split(',')
            .map((item) => item.trim())
            .filter((item) => item !== '');
          const wrong = items.filter((item) => !about.item.test(item));
          if (wrong.length > 0 || (items.length === 0 && about.default !== '')) {
            context.addIssue(`must be a comma-separated list of ${about.itemText}`);
          }
          return items as readonly string[];
        }),
        about.default,
      ),
      about.default === '' ? 'none' : (about.default ?? 'required'),
    ),

  url: (about: Described & { default?: string; protocols: readonly string[] }): Setting<string> =>
    describe(
      about,
      withDefault(
        z.string().refine((text) => about.protocols.some((p) => text.startsWith(p)) && URL.canParse(text), {
          error: `must be a URL beginning with ${about.protocols.join(' or ')}`,
        }),
        about.default,
      ),
      about.default ?? 'required',
    ),
};

function withDefault<T>(schema: z.ZodType<T, string>, value: string | undefined): z.ZodType<T, string | undefined> {
  const required = z.string({ error: 'is required' }).pipe(schema);
  return value === undefined ? required : z.string().default(value).pipe(schema);
}

function numeric(min: number, max: number, shape: RegExp): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (!shape.test(text) || value < min || value > max) context.addIssue(`must be a number from ${min} to ${max}`);
    return value;
  });
}

/** Settings every service has. */
export const serviceSettings = {
  logLevel: setting.choice({
    variable: 'PMC_LOG_LEVEL',
    description: 'How much a service logs.',
    values: LOG_LEVELS,
    default: 'info',
  }),
  host: setting.text({
    variable: 'PMC_HOST',
    description: 'Address that services listen on; anything but loopback exposes them to the network.',
    default: '127.0.0.1',
  }),
  healthPort: setting.port({
    variable: 'PMC_HEALTH_PORT',
    description: "Port of a service's /health, /ready and /metrics; 0 takes a free one.",
    default: 0,
  }),
} as const;

/** Reads all settings. An empty variable counts as not set. Throws PMC_CONFIG_INVALID with every problem at once. */
export function readSettings<S extends Settings>(environment: Environment, settings: S): ConfigOf<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(settings)) {
    const text = environment[one.variable];
    const result = one.schema.safeParse(text === '' ? undefined : text);
    const wrong = result.success
      ? one.conflict?.(environment)
      : result.error.issues.map((issue) => issue.message).join('; ');
    if (result.success) values[name] = result.data;
    if (wrong === undefined) continue;
    const given = text === undefined || text === '' ? 'not set' : one.secret ? '(hidden)' : JSON.stringify(text);
    problems.push(`${one.variable} ${wrong} (is ${given})`);
  }
  if (problems.length > 0) throw new PmcError('PMC_CONFIG_INVALID', problems.join('\n'), { problems });
  return values as ConfigOf<S>;
}
