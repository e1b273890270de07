// How to reach the log: shared by every service that reads or appends.
import { setting } from '../service/config.ts';

export const kafkaSettings = {
  brokers: setting.list({
    variable: 'PMC_KAFKA_BROKERS',
    description: 'Kafka brokers to use instead of the embedded one, as host:port, comma-separated.',
    item: /^[A-Za-z0-9._-]+:\d{1,5}$/,
    itemText: 'host:port',
  }),
  registryUrl: setting.url({
    variable: 'PMC_REGISTRY_URL',
    description: 'Confluent-compatible schema registry to use instead of the embedded one.',
    protocols: ['http://', 'https://'],
  }),
  appenderClient: setting.choice({
    variable: 'PMC_KAFKA_APPENDER',
    description: 'The Kafka client that appends.',
    values: ['kafkajs'],
    default: 'kafkajs',
  }),
  readerClient: setting.choice({
    variable: 'PMC_KAFKA_READER',
    description: 'The Kafka client that reads in consumer groups.',
    values: ['kafkajs'],
    default: 'kafkajs',
  }),
} as const;
