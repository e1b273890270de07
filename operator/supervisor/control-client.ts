// Asks the running supervisor; turns its answers and its absence into errors that a command can end with.
import { z } from 'zod';
import { ERROR_CODES, type PmcErrorCode } from '../../service/error-codes.ts';
import { PmcError } from '../../service/errors.ts';
import type { StackFile } from '../../service/stack-file.ts';
import {
  type ServiceStatus,
  type ServiceVerb,
  type StackStatus,
  serviceStatusSchema,
  stackStatusSchema,
} from './stack-status.ts';

const failureSchema = z.object({ error: z.object({ code: z.string().optional(), message: z.string() }) });
/** Longer than the supervisor itself waits for a service. */
const ANSWER_MS = 90_000;

export async function askStatus(stack: StackFile): Promise<StackStatus> {
  return stackStatusSchema.parse(await ask(stack, 'GET', '/status'));
}

export async function askService(stack: StackFile, name: string, verb: ServiceVerb): Promise<ServiceStatus> {
  return serviceStatusSchema.parse(await ask(stack, 'POST', `/services/${encodeURIComponent(name)}/${verb}`));
}

async function ask({ control }: StackFile, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const response = await fetch(`${control.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${control.token}` },
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch((cause: unknown) => {
    throw new PmcError('PMC_NO_STACK', `the supervisor at ${control.url} does not answer`, {}, { cause });
  });
  const body: unknown = await response.json();
  if (response.ok) return body;
  const { code, message } = failureSchema.parse(body).error;
  throw new PmcError(isKnown(code) ? code : 'PMC_NO_STACK', message);
}

function isKnown(code: string | undefined): code is PmcErrorCode {
  return code !== undefined && code in ERROR_CODES;
}
