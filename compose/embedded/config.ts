// What can be set about the embedded stack. Every default port moves by PMC_PORT_OFFSET; a port that is set does not.
import { clusterSettings, kafkaSettings } from '../../kafka/config.ts';
import { type ConfigOf, type Environment, type Setting, setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

/** Keeps the highest default port (the controller's, 19093) below 65,536. */
const OFFSET_MAX = 46_000;

const offsetSetting = setting.integer({
  variable: 'PMC_PORT_OFFSET',
  description: 'Added to every default port, so that several stacks can run on one machine.',
  min: 0,
  max: OFFSET_MAX,
  default: 0,
});

/** The offset, or 0 where it is not valid: reading the settings then reports it together with everything else. */
export function portOffsetOf(environment: Environment): number {
  const text = environment[offsetSetting.variable];
  const result = offsetSetting.schema.safeParse(text === '' ? undefined : text);
  return result.success && result.data >= 0 && result.data <= OFFSET_MAX ? result.data : 0;
}

export function listenPort(variable: string, description: string, port: number) {
  return setting.integer({ variable, description, min: 1, max: 65_535, default: port });
}

/** Of a setting that says how to get into a cluster: the embedded broker asks nothing and takes nothing of the kind. */
function ofOwnCluster<T>(one: Setting<T>): Setting<T> {
  return {
    ...one,
    conflict: (environment) => {
      if (environment[clusterSettings.brokers.variable]) return one.conflict?.(environment);
      const text = environment[one.variable] || one.defaultText;
      return text === one.defaultText ? undefined : 'is for a cluster of your own: set PMC_KAFKA_BROKERS too';
    },
  };
}

export function stackSettings(portOffset: number) {
  return {
    portOffset: offsetSetting,
    home: setting.optionalText({
      variable: 'PMC_HOME',
      description: 'Folder of all state: data, logs, secrets; `.pmc` in the project folder when not set.',
    }),
    artifacts: setting.optionalText({
      variable: 'PMC_ARTIFACTS',
      description:
        'Folder of the fetched servers, which several state folders may share; `artifacts` in PMC_HOME when not set.',
    }),
    javaHome: setting.optionalText({
      variable: 'JAVA_HOME',
      description: 'The JDK that runs Kafka and the registry; the `java` on PATH when not set.',
    }),
    brokers: setting.optional(clusterSettings.brokers),
    tls: ofOwnCluster(clusterSettings.tls),
    tlsCa: ofOwnCluster(clusterSettings.tlsCa),
    saslMechanism: ofOwnCluster(clusterSettings.saslMechanism),
    saslUsername: ofOwnCluster(clusterSettings.saslUsername),
    saslPassword: ofOwnCluster(clusterSettings.saslPassword),
    saslPasswordFile: ofOwnCluster(clusterSettings.saslPasswordFile),
    registryUrl: setting.optional(kafkaSettings.registryUrl),
    databaseUrl: setting.optional(databaseSettings.databaseUrl),
    kafkaPort: listenPort('PMC_KAFKA_PORT', 'Port of the embedded Kafka broker.', 19_092 + portOffset),
    controllerPort: listenPort(
      'PMC_KAFKA_CONTROLLER_PORT',
      "Port of the embedded broker's controller.",
      19_093 + portOffset,
    ),
    registryPort: listenPort('PMC_REGISTRY_PORT', 'Port of the embedded schema registry.', 18_081 + portOffset),
    databasePort: listenPort('PMC_DATABASE_PORT', 'Port of the embedded PostgreSQL.', 15_432 + portOffset),
  } as const;
}

export type StackConfig = ConfigOf<ReturnType<typeof stackSettings>>;
