// What has to exist before a service starts: tables, topics and schemas, each as soon as its server answers.
import { ensureTopics } from '../../kafka/bootstrap.ts';
import type { ClusterConfig } from '../../kafka/client-options.ts';
import { registerSchemas } from '../../kafka/schema-registration.ts';
import { migrateDatabase } from '../../schemas/database/migrate.ts';

export interface Bootstrap {
  readonly database: (databaseUrl: string) => Promise<unknown>;
  readonly topics: (cluster: ClusterConfig) => Promise<unknown>;
  readonly schemas: (registryUrl: string) => Promise<unknown>;
}

export const stackBootstrap: Bootstrap = { database: migrateDatabase, topics: ensureTopics, schemas: registerSchemas };
