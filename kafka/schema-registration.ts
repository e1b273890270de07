// Registers the Avro schemas under `<topic>-value` with BACKWARD compatibility. Called by `npm start` and `pmc schemas
// register`, never by a running service: a service that can change a schema can break every other one.
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { AVRO_SCHEMAS, type SchemaName } from '../schemas/generated.ts';
import { TOPIC, type TopicName } from '../schemas/topics.ts';
import { PmcError } from '../service/errors.ts';

export const SCHEMA_OF_TOPIC = {
  [TOPIC.incoming]: 'IncomingEvent',
  [TOPIC.outgoing]: 'Dispatch',
  [TOPIC.rejected]: 'RejectedFrame',
  [TOPIC.sources]: 'SourceCheckpoint',
} as const satisfies Record<TopicName, SchemaName>;

export function subjectOf(topic: string): string {
  return `${topic}-value`;
}

/** Registers all schemas; returns the id of each subject. Registering the same schema again changes nothing. */
export async function registerSchemas(registryUrl: string): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>();
  for (const [topic, name] of Object.entries(SCHEMA_OF_TOPIC)) {
    ids.set(subjectOf(topic), await registerSchema(registryUrl, subjectOf(topic), AVRO_SCHEMAS[name]));
  }
  return ids;
}

/** Registers one schema (a parsed Avro schema). Throws PMC_SCHEMA_INCOMPATIBLE when the registry refuses it. */
export async function registerSchema(registryUrl: string, subject: string, schema: object): Promise<number> {
  const registry = new SchemaRegistry({ host: registryUrl, retry: { retries: 3, initialRetryTimeInSecs: 0.2 } });
  try {
    const { id } = await registry.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
      { subject, compatibility: COMPATIBILITY.BACKWARD },
    );
    return id;
  } catch (error) {
    throw registryError(error, registryUrl, subject);
  }
}

/** The library reports a refused connection as status 400: only an answer with a registry's error body is the registry's. */
export function registryError(error: unknown, registryUrl: string, subject: string): PmcError {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  const answered = error instanceof Error && 'unauthorized' in error;
  if (status === 409) {
    const message = `the registry refused the schema of ${subject}: not backward compatible with the registered one`;
    return new PmcError('PMC_SCHEMA_INCOMPATIBLE', message, { subject }, { cause: error });
  }
  if (status === 404 && answered) {
    const message = `the registry has no matching schema for ${subject}; register it with \`pmc schemas register\``;
    return new PmcError('PMC_SCHEMA_NOT_REGISTERED', message, { subject }, { cause: error });
  }
  const message = `no answer from the schema registry at ${registryUrl}; PMC_REGISTRY_URL names it`;
  return new PmcError('PMC_REGISTRY_UNREACHABLE', message, { registryUrl, subject }, { cause: error });
}
