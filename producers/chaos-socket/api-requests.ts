// The shapes of the requests that the API understands, and the one way to read them. Pure.
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';
import { armingSchema } from './arming.ts';

const connectionId = z.string().min(1).optional();
const jsonObject = z.record(z.string(), z.unknown(), { error: 'must be a JSON object' });
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const raw = { binary: z.boolean().default(false), connectionId };

export const requests = {
  armFault: armingSchema,
  changeProfile: z.strictObject({ profile: z.string().min(1) }),
  sendEvent: z.object({ event: jsonObject, connectionId }),
  /** The second form is the original's: a whole message, sent as it is. */
  sendMessage: z.union([
    z.strictObject({
      content: z.string(),
      chat: z.string().min(1).optional(),
      sender: z.string().min(1).optional(),
      connectionId,
    }),
    z.strictObject({ message: jsonObject, connectionId }),
  ]),
  sendRaw: z.union([
    z.strictObject({ text: z.string(), ...raw }),
    z.strictObject({ base64: z.string().regex(BASE64, 'must be base64'), ...raw }),
  ]),
  received: z.object({
    limit: z.coerce.number().int().min(1).max(10_000).default(100),
    chat: z.string().min(1).optional(),
  }),
};

/** The value of a request's JSON text, and the text; PMC_CHAOS_REQUEST_INVALID naming what is wrong. */
export function readRequest<T>(schema: z.ZodType<T>, body: unknown): { json: string; value: T } {
  const json = typeof body === 'string' ? body : '';
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    const message = 'the body must be JSON, sent as content-type application/json';
    throw new PmcError('PMC_CHAOS_REQUEST_INVALID', message, {}, { cause: error });
  }
  const result = schema.safeParse(parsed);
  if (result.success) return { json, value: result.data };
  throw new PmcError('PMC_CHAOS_REQUEST_INVALID', problems(result.error.issues).join('; '));
}

function problems(issues: readonly z.core.$ZodIssue[]): readonly string[] {
  return issues.flatMap((issue) => {
    // Of the forms a request may have, the message names what each one lacks.
    if (issue.code === 'invalid_union') return [issue.errors.map((one) => problems(one).join(', ')).join('; or else ')];
    return [`${issue.path.join('.') || 'body'}: ${issue.message}`];
  });
}
