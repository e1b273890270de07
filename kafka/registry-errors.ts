// What the registry's client throws, made into our errors. The client tells too little: a refused connection is a status 400, and
// of one kind of 404 the status is gone.
import { PmcError } from '../service/errors.ts';
import { fetchFromRegistry, type RegistryAccess } from './registry-access.ts';

/** `registryUrl` without a login: it is shown. */
export function registryError(error: unknown, registryUrl: string, subject: string): PmcError {
  const { name, status, hasAnswer } = described(error);
  if (status === 409) {
    const message = `the registry refused the schema of ${subject}: not backward compatible with the registered one`;
    return new PmcError('PMC_SCHEMA_INCOMPATIBLE', message, { subject }, { cause: error });
  }
  if (name === 'ConfluentSchemaRegistryCompatibilityError') {
    const message = `the registry holds ${subject} under another compatibility than BACKWARD; nothing was registered`;
    return new PmcError('PMC_SCHEMA_INCOMPATIBLE', message, { subject }, { cause: error });
  }
  // By its name, since the library does not export the class; it throws it for nothing but this.
  if ((status === 404 && hasAnswer) || name === 'ConfluentSchemaRegistryError') {
    const message = `the registry has no matching schema for ${subject}; register it with \`pmc schemas register\``;
    return new PmcError('PMC_SCHEMA_NOT_REGISTERED', message, { subject }, { cause: error });
  }
  const what = hasAnswer && status !== 400 ? `answered with status ${String(status)}` : 'does not answer';
  const message = `the schema registry at ${registryUrl} ${what}; PMC_REGISTRY_URL names it`;
  return new PmcError('PMC_REGISTRY_UNREACHABLE', message, { registryUrl, subject }, { cause: error });
}

/** Whether a registry answers at this address: the one question that each has an answer to and nothing else has. */
export async function isSchemaRegistry(access: RegistryAccess, answerMs: number): Promise<boolean> {
  try {
    const answer = await fetchFromRegistry(access, '/config', answerMs);
    const body: unknown = await answer.json();
    return typeof body === 'object' && body !== null && 'compatibilityLevel' in body;
  } catch {
    return false;
  }
}

function described(error: unknown): { name: string; status: unknown; hasAnswer: boolean } {
  if (!(error instanceof Error)) return { name: '', status: undefined, hasAnswer: false };
  return { name: error.name, status: 'status' in error ? error.status : undefined, hasAnswer: 'unauthorized' in error };
}
