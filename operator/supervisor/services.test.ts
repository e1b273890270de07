import { expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { readSupervisorConfig } from './config.ts';
import {
  activeServices,
  consoleUrlOf,
  SERVICE_NAMES,
  STOP_GROUPS,
  serviceEnvironment,
  servicePorts,
} from './services.ts';

const addresses = { brokers: ['a:1', 'b:2'], registryUrl: 'http://r/', databaseUrl: 'postgresql://d/' };
const secrets = { home: '/x/.pmc', consoleToken: 'console', controlToken: 'control' };

test('the offset moves every default port and none that was set', () => {
  const plain = readSupervisorConfig({});
  const moved = readSupervisorConfig({ PMC_PORT_OFFSET: '1000', WS_PORT: '4001' });
  expect(moved).toMatchObject({
    kafkaPort: 20_092,
    controllerPort: 20_093,
    registryPort: 19_081,
    databasePort: 16_432,
  });
  expect(moved).toMatchObject({
    gatewayPort: 5_000,
    consolePort: 9_080,
    simulatorPort: 4_001,
    simulatorApiPort: 10_101,
    controlPort: 10_409,
  });
  const ports = (config: typeof plain): number[] => servicePorts(config).map(({ port }) => port);
  const distances = ports(moved).map((port, index) => port - (ports(plain)[index] ?? 0));
  expect(distances.filter((distance) => distance !== 1_000)).toEqual([0]);
});

test('no two parts want the same port', () => {
  const config = readSupervisorConfig({});
  const { kafkaPort, controllerPort, registryPort, databasePort } = config;
  const all = [...servicePorts(config).map(({ port }) => port), kafkaPort, controllerPort, registryPort, databasePort];
  expect(new Set(all).size).toBe(all.length);
});

test('an invalid offset is reported together with everything else that is wrong', () => {
  const read = (): unknown =>
    readSupervisorConfig({ PMC_PORT_OFFSET: '99999', PMC_CONSOLE_PORT: 'x', PMC_SOURCES: 'http://a' });
  expect(read).toThrow(PmcError);
  expect(read).toThrow(/PMC_PORT_OFFSET[^]*PMC_SOURCES[^]*PMC_CONSOLE_PORT/);
});

test('the simulator is started only when no other source is named', () => {
  expect(activeServices({ sources: undefined })).toEqual(SERVICE_NAMES);
  expect(activeServices({ sources: ['ws://a'] })).not.toContain('chaos-socket');
});

test('each service is told where everything is, and its own health port', () => {
  const config = readSupervisorConfig({ PMC_PORT_OFFSET: '10' });
  const told = serviceEnvironment('commands', { PATH: '/bin', PMC_HEALTH_PORT: '1' }, { config, addresses, secrets });
  expect(told).toMatchObject({
    PATH: '/bin',
    PMC_HEALTH_PORT: '9422',
    PMC_KAFKA_BROKERS: 'a:1,b:2',
    PMC_SOURCES: 'ws://127.0.0.1:4011',
    DATABASE_URL: 'postgresql://d/',
    PMC_CONTROL_URL: 'http://127.0.0.1:9419',
  });
  expect(Object.values(told)).not.toContain(undefined);
});

test('the communicator dials every source that the simulator has', () => {
  const told = (environment: Record<string, string>, more = {}) =>
    serviceEnvironment('communicator', environment, { config: readSupervisorConfig(more), addresses, secrets });
  const url = 'ws://127.0.0.1:4001';
  expect(told({ PMC_CHAOS_CONNECTIONS: '2' })['PMC_SOURCES']).toBe(`${url}/source-1,${url}/source-2`);
  expect(told({ PMC_CHAOS_CONNECTIONS: '2' }, { PMC_SOURCES: 'ws://a' })['PMC_SOURCES']).toBe('ws://a');
  expect(told({ PMC_CHAOS_CONNECTIONS: 'many' })['PMC_SOURCES']).toBe(url);
});

test('pages of the console may connect to the gateway, and those that are named', () => {
  const told = (environment: Record<string, string>, more = {}) =>
    serviceEnvironment('communicator', environment, { config: readSupervisorConfig(more), addresses, secrets })[
      'PMC_ORIGINS'
    ];
  expect(told({})).toBe('http://127.0.0.1:8080,http://localhost:8080');
  expect(told({ PMC_ORIGINS: 'https://a.example' })).toBe(
    'http://127.0.0.1:8080,http://localhost:8080,https://a.example',
  );
  expect(told({}, { PMC_HOST: '10.0.0.1', PMC_CONSOLE_PORT: '81' })).toBe(
    'http://127.0.0.1:81,http://localhost:81,http://10.0.0.1:81',
  );
  expect(told({}, { PMC_HOST: '::1' })).toContain('http://[::1]:8080');
});

test('the API of the simulator wants a token where others can reach it', () => {
  const told = (host: string, environment = {}) =>
    serviceEnvironment('chaos-socket', environment, {
      config: readSupervisorConfig({ PMC_HOST: host }),
      addresses,
      secrets,
    });
  expect(told('127.0.0.1')).not.toHaveProperty('PMC_CHAOS_TOKEN');
  expect(told('0.0.0.0')['PMC_CHAOS_TOKEN']).toBe(secrets.consoleToken);
  expect(told('0.0.0.0', { PMC_CHAOS_TOKEN: 'own' })['PMC_CHAOS_TOKEN']).toBe('own');
});

test('what brings messages in ends first, and every service ends', () => {
  expect(STOP_GROUPS.flat().sort()).toEqual([...SERVICE_NAMES].sort());
  expect(STOP_GROUPS.flat().slice(0, 2)).toEqual(['chaos-socket', 'communicator']);
});

test('a service that listens everywhere is reached on loopback', () => {
  expect(consoleUrlOf(readSupervisorConfig({ PMC_HOST: '0.0.0.0' }), 't')).toBe('http://127.0.0.1:8080/?token=t');
});
