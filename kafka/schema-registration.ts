// Registers the Avro schemas under `<topic>-value` with BACKWARD compatibility. Called by `npm start` and `pmc schemas
// register`, never by a running service: a service that can change a schema can break every other one.
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { AVRO_SCHEMAS, type SchemaName } from '../schemas/generated.ts';
import { TOPIC, type TopicName } from '../schemas/topics.ts';
import { registryAccess } from './registry-access.ts';
import { registryError } from './registry-errors.ts';

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
  const { url, ...login } = registryAccess(registryUrl);
  const registry = new SchemaRegistry({ host: url, ...login, retry: { retries: 3, initialRetryTimeInSecs: 0.2 } });
  try {
    const { id } = await registry.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
      { subject, compatibility: COMPATIBILITY.BACKWARD },
    );
    return id;
  } catch (error) {
    throw registryError(error, url, subject);
  }
}
