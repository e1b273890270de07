// The shape of the file that PMC_COMMANDS_FILE names: keys, kinds of values, bounds and defaults; pure. What the parts mean to
// each other is checked in declaration.ts.
import { z } from 'zod';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });
const texts = z.array(text, { error: 'must be a list of texts' });
const yesOrNo = z.boolean({ error: 'must be one of: true, false' });
const wholeNumber = z.int({ error: 'must be a whole number' });

function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function oneOf<const V extends readonly [string, ...string[]]>(values: V) {
  return z.enum(values, { error: `must be one of: ${values.join(', ')}` });
}

function matching(shape: RegExp, what: string) {
  return z.string({ error: `must be ${what}` }).regex(shape, { error: `must be ${what}` });
}

/** An object without other keys; its errors say which there are. */
function strict<S extends z.core.$ZodLooseShape>(shape: S) {
  const allowed = Object.keys(shape).join(', ');
  const error = ({ code }: { code?: string | undefined }): string =>
    code === 'unrecognized_keys' ? `is no key that is known here; allowed: ${allowed}` : `must hold: ${allowed}`;
  return z.strictObject(shape, { error });
}

/** Things by their names. */
function named<V extends z.core.SomeType>(value: V, what: string) {
  return z.record(matching(/^[a-z][a-z0-9-]{0,31}$/, 'a name of a-z, 0-9 and -'), value, {
    error: `must hold ${what} by their names`,
  });
}

const rule = {
  allow: strict({ senders: texts.default([]), chats: texts.default([]) }).optional(),
  per_minute: whole(1, 10_000).optional(),
};

const endpoint = {
  method: oneOf(METHODS),
  url: text,
  headers: z
    .record(matching(/^[A-Za-z0-9-]+$/, 'the name of a header'), text, { error: 'must hold texts by names of headers' })
    .default({}),
  body: z.unknown().optional(),
  secret_env: matching(/^[A-Z][A-Z0-9_]*$/, 'the name of an environment variable').optional(),
  sign: yesOrNo.default(false),
  idempotent: yesOrNo.optional(),
  timeout_seconds: whole(1, 60).default(5),
  retries: whole(0, 10).default(2),
  concurrency: whole(1, 100).default(4),
  breaker: strict({ failures: whole(1, 100).default(5), pause_seconds: whole(1, 3_600).default(30) }).prefault({}),
  response_kib_max: whole(1, 10_240).default(64),
  private_addresses: yesOrNo.default(false),
};

const argument = {
  name: matching(/^[a-z][a-z0-9_]{0,31}$/, 'a name of a-z, 0-9 and _'),
  optional: yesOrNo.default(false),
};

const argumentSchema = z.discriminatedUnion(
  'kind',
  [
    strict({ ...argument, kind: z.literal('word') }),
    strict({ ...argument, kind: z.literal('text') }),
    strict({ ...argument, kind: z.literal('whole'), min: wholeNumber, max: wholeNumber }),
    strict({ ...argument, kind: z.literal('choice'), values: texts.min(1, { error: 'must not be empty' }) }),
  ],
  { error: 'must be one of: word, text, whole, choice' },
);

const api = strict({
  description: strict({ en: text, pt: text }),
  arguments: z
    .array(argumentSchema, { error: 'must be a list' })
    .max(16, { error: 'must have at most 16 entries' })
    .default([]),
  reply: text,
  waiting_max: whole(1, 100_000).default(100),
  ...endpoint,
  ...rule,
});

export const fileSchema = strict({
  commands: named(strict(rule), 'rules of commands').default({}),
  apis: named(api, 'external APIs').default({}),
  webhooks: named(strict(endpoint), 'webhooks').default({}),
});

export type DeclaredFile = z.output<typeof fileSchema>;
export type DeclaredApi = DeclaredFile['apis'][string];
export type DeclaredEndpoint = DeclaredFile['webhooks'][string];
