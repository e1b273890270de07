// Debezium's JDBC sink in Kafka Connect (standalone), set as fast as it goes: two tasks, one statement with arrays for a batch, no
// look at the table's columns while it runs, plain INSERT. Both come from Maven Central; the connector as its plugin archive,
// because its dependencies do not resolve from Central alone.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Artifact } from '../../compose/embedded/artifacts.ts';
import type { Child } from '../../compose/processes/children.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import type { ScratchServers } from '../scratch-servers.ts';
import { ROW_SCHEMA } from './row-json.ts';

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const POM = fileURLToPath(new URL('./pom.xml', import.meta.url));
const LOG_CONFIGURATION = fileURLToPath(new URL('../../compose/embedded/tools-log4j2.properties', import.meta.url));
/** The heap of Kafka's own `connect-standalone`. */
const JAVA_FLAGS = ['-Xms256M', '-Xmx2G', '-XX:+UseG1GC', '-Djava.awt.headless=true'];
const VERSION = '3.6.0.Final';
const TASKS = 2;
/** The best of 500 to 5,000 by measurement. */
const BATCH_ROWS = 2_000;

const CONNECT: Artifact = {
  name: 'kafka-connect',
  folder: 'kafka-connect-4.3.1',
  version: 'org.apache.kafka:connect-runtime:4.3.1',
  sizeBytes: 36_000_000,
  goal: [`${PLUGIN}:copy-dependencies`, '-f', POM],
};

const DEBEZIUM: Artifact = {
  name: 'debezium-jdbc',
  folder: `debezium-connector-jdbc-${VERSION}`,
  version: `io.debezium:debezium-connector-jdbc:${VERSION}`,
  sizeBytes: 58_000_000,
  goal: [`${PLUGIN}:copy`, `-Dartifact=io.debezium:debezium-connector-jdbc:${VERSION}:tar.gz:plugin`],
  archive: `debezium-connector-jdbc-${VERSION}-plugin.tar.gz`,
};

export interface DebeziumOptions {
  /** New for every run: the connector's group begins at the start of the log. */
  readonly name: string;
  readonly topic: string;
  readonly table: string;
}

/** Starts Connect with one sink; it goes on until it is ended. */
export async function startDebezium(servers: ScratchServers, { name, topic, table }: DebeziumOptions): Promise<Child> {
  const connectFolder = await servers.fetch(CONNECT);
  const pluginFolder = await servers.fetch(DEBEZIUM);
  const folder = join(servers.home, name);
  mkdirSync(folder);
  const [port] = await freePorts(1);
  const worker = propertiesFile(folder, 'worker', {
    'bootstrap.servers': servers.addresses.brokers.join(','),
    listeners: `http://127.0.0.1:${port}`,
    'plugin.path': pluginFolder,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': true,
    'value.converter.schema.content': JSON.stringify(ROW_SCHEMA),
    'offset.storage.file.filename': join(folder, 'offsets'),
    'consumer.max.poll.records': BATCH_ROWS,
  });
  const { username, password, host, pathname } = new URL(servers.addresses.databaseUrl);
  const sink = propertiesFile(folder, 'sink', {
    name,
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': TASKS,
    topics: topic,
    'connection.url': `jdbc:postgresql://${host}${pathname}`,
    'connection.username': username,
    'connection.password': decodeURIComponent(password),
    'collection.name.format': table,
    'insert.mode': 'insert',
    'primary.key.mode': 'record_value',
    'primary.key.fields': 'incarnation,partition,record_offset',
    'schema.evolution': 'none',
    'batch.size': BATCH_ROWS,
    'dialect.postgres.unnest.insert.enabled': true,
  });
  const flags = [...JAVA_FLAGS, `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`, '-cp', join(connectFolder, '*')];
  const args = [...flags, 'org.apache.kafka.connect.cli.ConnectStandalone', worker, sink];
  return servers.launch({ name, command: servers.java, args });
}

function propertiesFile(folder: string, name: string, settings: Readonly<Record<string, string | number | boolean>>) {
  const file = join(folder, `${name}.properties`);
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return file;
}
