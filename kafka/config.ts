// How to reach the log: shared by every service that reads or appends.
import { isAbsolute } from 'node:path';
import { type ConfigOf, type Environment, setting } from '../service/config.ts';
import { isLoopback } from '../service/loopback.ts';

/** What it takes to be let into a cluster. */
export const clusterSettings = {
  brokers: setting.list({
    variable: 'PMC_KAFKA_BROKERS',
    description: 'Kafka brokers to use instead of the embedded one, as host:port, comma-separated.',
    item: /^[A-Za-z0-9._-]+:\d{1,5}$/,
    itemText: 'host:port',
  }),
  tls: setting.choice({
    variable: 'PMC_KAFKA_TLS',
    description:
      'Whether to speak TLS with the brokers; their certificates must then be for the hosts that are dialled.',
    values: ['off', 'on'],
    default: 'off',
  }),
  tlsCa: setting.optionalText({
    variable: 'PMC_KAFKA_TLS_CA',
    description:
      "PEM file of the CAs that may have signed the brokers' certificates; the public ones that Node knows when not set.",
    conflict: (environment) =>
      given(environment, 'PMC_KAFKA_TLS_CA') !== undefined && given(environment, 'PMC_KAFKA_TLS') !== 'on'
        ? 'has no effect without PMC_KAFKA_TLS=on'
        : relativePath(environment, 'PMC_KAFKA_TLS_CA'),
  }),
  saslMechanism: setting.choice({
    variable: 'PMC_KAFKA_SASL_MECHANISM',
    description: 'How to log in to the brokers; plain sends the password itself and therefore needs TLS.',
    values: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    default: 'none',
    conflict: (environment) => {
      const isReadable = given(environment, 'PMC_KAFKA_TLS') !== 'on' && !isAtHome(environment);
      return given(environment, 'PMC_KAFKA_SASL_MECHANISM') === 'plain' && isReadable
        ? 'would send the password readably over the network: set PMC_KAFKA_TLS=on, or use scram-sha-512'
        : undefined;
    },
  }),
  saslUsername: setting.optionalText({
    variable: 'PMC_KAFKA_SASL_USERNAME',
    description: 'User name to log in to the brokers with.',
    conflict: (environment) => credential(environment, ['PMC_KAFKA_SASL_USERNAME']),
  }),
  saslPassword: setting.optionalText({
    variable: 'PMC_KAFKA_SASL_PASSWORD',
    description: 'Password of that user; or its file in PMC_KAFKA_SASL_PASSWORD_FILE.',
    secret: true,
    conflict: (environment) =>
      given(environment, 'PMC_KAFKA_SASL_PASSWORD') !== undefined &&
      given(environment, 'PMC_KAFKA_SASL_PASSWORD_FILE') !== undefined
        ? 'and PMC_KAFKA_SASL_PASSWORD_FILE are both set: keep one'
        : credential(environment, ['PMC_KAFKA_SASL_PASSWORD', 'PMC_KAFKA_SASL_PASSWORD_FILE']),
  }),
  saslPasswordFile: setting.optionalText({
    variable: 'PMC_KAFKA_SASL_PASSWORD_FILE',
    description:
      'File that holds the password, instead of PMC_KAFKA_SASL_PASSWORD; a line break at its end does not count.',
    conflict: (environment) => relativePath(environment, 'PMC_KAFKA_SASL_PASSWORD_FILE'),
  }),
} as const;

export const kafkaSettings = {
  ...clusterSettings,
  registryUrl: setting.url({
    variable: 'PMC_REGISTRY_URL',
    description:
      'Confluent-compatible schema registry to use instead of the embedded one; may hold a login, as http://user:password@host.',
    secret: true,
    protocols: ['http://', 'https://'],
  }),
  schemaCache: setting.optionalText({
    variable: 'PMC_SCHEMA_CACHE',
    description:
      'Folder in which the answers of the registry are kept, so that a service starts and decodes without it; may be shared.',
    conflict: (environment) => relativePath(environment, 'PMC_SCHEMA_CACHE'),
  }),
  appenderClient: setting.choice({
    variable: 'PMC_KAFKA_APPENDER',
    description:
      'The Kafka client that appends; platformatic takes about half the CPU a record (brokers of 3.1 at least).',
    values: ['kafkajs', 'platformatic'],
    default: 'kafkajs',
  }),
  readerClient: setting.choice({
    variable: 'PMC_KAFKA_READER',
    description:
      'The Kafka client that reads in consumer groups; platformatic stores a third more rows a second (brokers of 3.1 at least).',
    values: ['kafkajs', 'platformatic'],
    default: 'kafkajs',
  }),
} as const;

export type KafkaConfig = ConfigOf<typeof kafkaSettings>;

/** For whoever appends what others sent: a record above this is refused before it can hold up its neighbours. */
export const recordBytesMaxSetting = setting.integer({
  variable: 'PMC_KAFKA_RECORD_BYTES_MAX',
  description:
    "Size of a record in bytes, at most; not above max.message.bytes of the topics, which is Kafka's default too.",
  min: 1_024,
  max: 104_857_600,
  default: 1_048_588,
});

function given(environment: Environment, variable: string): string | undefined {
  return environment[variable] === '' ? undefined : environment[variable];
}

/** A credential is there if and only if there is a mechanism that uses it. */
function credential(environment: Environment, variables: readonly string[]): string | undefined {
  const mechanism = given(environment, 'PMC_KAFKA_SASL_MECHANISM') ?? 'none';
  const isGiven = variables.some((variable) => given(environment, variable) !== undefined);
  if (mechanism === 'none') return isGiven ? 'has no effect without PMC_KAFKA_SASL_MECHANISM' : undefined;
  return isGiven ? undefined : `is required with PMC_KAFKA_SASL_MECHANISM=${mechanism}`;
}

/** Services run in another folder than the one where the command was given. */
function relativePath(environment: Environment, variable: string): string | undefined {
  const path = given(environment, variable);
  return path === undefined || isAbsolute(path) ? undefined : 'must be an absolute path';
}

function isAtHome(environment: Environment): boolean {
  const brokers = given(environment, 'PMC_KAFKA_BROKERS')?.split(',') ?? [];
  return brokers.every((broker) => isLoopback(broker.trim().replace(/:\d+$/, '')));
}
