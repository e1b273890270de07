// What can be set about the embedded stack.
import { clusterSettings, kafkaSettings } from '../../kafka/config.ts';
import { type ConfigOf, type Setting, setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';
import { homeSetting, listenPort, portOffsetSetting } from '../../service/stack-settings.ts';

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
    portOffset: portOffsetSetting,
    home: homeSetting,
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
