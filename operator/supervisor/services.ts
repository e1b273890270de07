// The services of the stack: which there are, what each is told by its environment, and in which order they end. Pure.
import { join, resolve } from 'node:path';
import type { Addresses } from '../../compose/embedded/embedded-stack.ts';
import type { PortWanted } from '../../compose/embedded/preflight-probe.ts';
import { type Environment, serviceSettings } from '../../service/config.ts';
import { isLoopback } from '../../service/loopback.ts';
import { stackPlace } from '../../service/stack-file.ts';
import { STREAMING_V8_FLAGS } from '../../service/v8-flags.ts';
import { healthPort, type SupervisorConfig } from './config.ts';

export const SERVICE_NAMES = [
  'communicator',
  'persistence',
  'commands',
  'gap-detector',
  'console',
  'chaos-socket',
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Paths from the project folder. */
export const SERVICE_MAINS: Readonly<Record<ServiceName, string>> = {
  communicator: 'producers/communicator/main.ts',
  persistence: 'consumers/persistence/main.ts',
  commands: 'consumers/commands/main.ts',
  'gap-detector': 'consumers/gap-detector/main.ts',
  console: 'operator/console/main.ts',
  'chaos-socket': 'producers/chaos-socket/main.ts',
};

/** How V8 keeps house in each of them. */
export const SERVICE_FLAGS: Readonly<Record<ServiceName, readonly string[]>> = {
  /**
   * An idle connection takes 10.5 KB with the first, as with 4 MB; 13 to 17 with 32 MB, 19 to 29 with 64. With 4 MB a full load collects garbage for a
   * quarter of its time. One thread to help with that is enough: the event loop waits until the last of them has had a core.
   */
  communicator: ['--max-semi-space-size=16', '--v8-pool-size=1', ...STREAMING_V8_FLAGS],
  /**
   * V8 sizes its heap by the machine's memory, and on a large one lets garbage lie. With these persistence stays at 200 MB while it
   * drains a full topic instead of 440, for a tenth more CPU, which the last of them saves again.
   */
  persistence: ['--max-semi-space-size=8', '--max-old-space-size=1024', ...STREAMING_V8_FLAGS],
  commands: [],
  'gap-detector': STREAMING_V8_FLAGS,
  console: [],
  'chaos-socket': [],
};

/** First nothing more comes in, then what came in is handled. Those of one group end at the same time. */
export const STOP_GROUPS: readonly (readonly ServiceName[])[] = [
  ['chaos-socket'],
  ['communicator'],
  ['persistence', 'commands', 'gap-detector', 'console'],
];

export const STOP_DEADLINE_MS: Readonly<Record<ServiceName, number>> = {
  'chaos-socket': 2_000,
  communicator: 5_000,
  persistence: 5_000,
  commands: 5_000,
  'gap-detector': 5_000,
  console: 5_000,
};

/** The simulator is the source unless others are named. */
export function activeServices({ sources }: Pick<SupervisorConfig, 'sources'>): readonly ServiceName[] {
  return SERVICE_NAMES.filter((name) => name !== 'chaos-socket' || sources === undefined);
}

export interface StackSecrets {
  readonly home: string;
  readonly consoleToken: string;
  readonly controlToken: string;
}

/** Where Node keeps what it has compiled of the services. */
export function compiledFolder(home: string): string {
  return join(home, 'compiled');
}

export function serviceEnvironment(
  name: ServiceName,
  inherited: Environment,
  { config, addresses, secrets }: { config: SupervisorConfig; addresses: Addresses; secrets: StackSecrets },
): Environment {
  return {
    ...inherited,
    ...absolute(inherited, ['PMC_CHAOS_SCHEDULE', 'PMC_CHAOS_REPLAY_FRAMES']),
    NODE_ENV: 'production',
    // Compiled once: a service that is started again starts sooner, and needs no compiler in its memory.
    NODE_COMPILE_CACHE: inherited['NODE_COMPILE_CACHE'] ?? compiledFolder(secrets.home),
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
    PMC_HOME: secrets.home,
    PMC_LOG_LEVEL: config.logLevel,
    PMC_HOST: config.host,
    PMC_KAFKA_BROKERS: addresses.brokers.join(','),
    PMC_REGISTRY_URL: addresses.registryUrl,
    DATABASE_URL: addresses.databaseUrl,
    PMC_SCHEMA_CACHE: config.schemaCache ?? stackPlace(secrets.home).schemas,
    PMC_INSTANCE: inherited['PMC_INSTANCE'] ?? 'communicator-1',
    PMC_SPOOL_FOLDER: inherited['PMC_SPOOL_FOLDER'] ?? join(secrets.home, 'spool'),
    PMC_KAFKA_APPENDER: config.appenderClient,
    PMC_KAFKA_READER: config.readerClient,
    PMC_HEALTH_PORT: String(healthPort(config, SERVICE_NAMES.indexOf(name))),
    PMC_SOURCES: (config.sources ?? simulatedSources(config, inherited)).join(','),
    PMC_GATEWAY_PORT: String(config.gatewayPort),
    PMC_ORIGINS: originsOf(config, inherited).join(','),
    PMC_CONSOLE_PORT: String(config.consolePort),
    PMC_CONSOLE_TOKEN: secrets.consoleToken,
    PMC_CONTROL_URL: controlUrlOf(config),
    PMC_CONTROL_TOKEN: secrets.controlToken,
    WS_PORT: String(config.simulatorPort),
    API_PORT: String(config.simulatorApiPort),
    // Where others can reach the simulator's API it wants a token too.
    ...(isLoopback(config.host) ? {} : { PMC_CHAOS_TOKEN: inherited['PMC_CHAOS_TOKEN'] ?? secrets.consoleToken }),
  };
}

/** Services run in the project's folder; a path is meant from where the command was given. */
function absolute(inherited: Environment, variables: readonly string[]): Environment {
  const named = variables.flatMap((name) => (inherited[name] ? [[name, resolve(inherited[name])] as const] : []));
  return Object.fromEntries(named);
}

export function servicePorts(config: SupervisorConfig): readonly PortWanted[] {
  const where = { host: config.host, hostVariable: serviceSettings.host.variable };
  const active = activeServices(config);
  const simulator: readonly PortWanted[] = [
    { ...where, port: config.simulatorPort, owner: 'chaos-socket', variable: 'WS_PORT' },
    { ...where, port: config.simulatorApiPort, owner: "chaos-socket's HTTP interface", variable: 'API_PORT' },
  ];
  return [
    { host: '127.0.0.1', port: config.controlPort, owner: 'supervisor', variable: 'PMC_CONTROL_PORT' },
    { ...where, port: config.gatewayPort, owner: 'communicator', variable: 'PMC_GATEWAY_PORT' },
    { ...where, port: config.consolePort, owner: 'console', variable: 'PMC_CONSOLE_PORT' },
    ...(active.includes('chaos-socket') ? simulator : []),
    ...active.map((name) => ({
      ...where,
      port: healthPort(config, SERVICE_NAMES.indexOf(name)),
      owner: `health page of ${name}`,
      variable: 'PMC_PORT_OFFSET',
    })),
  ];
}

export function controlUrlOf({ controlPort }: SupervisorConfig): string {
  return `http://127.0.0.1:${controlPort}`;
}

export function consoleUrlOf(config: SupervisorConfig, token: string): string {
  return `http://${reachable(config.host)}:${config.consolePort}/?token=${token}`;
}

export function gatewayUrlOf(config: SupervisorConfig): string {
  return `ws://${reachable(config.host)}:${config.gatewayPort}`;
}

export function simulatorOf(config: SupervisorConfig): { wsUrl: string; apiUrl: string } {
  const host = reachable(config.host);
  return { wsUrl: `ws://${host}:${config.simulatorPort}`, apiUrl: `http://${host}:${config.simulatorApiPort}` };
}

/** With PMC_CHAOS_CONNECTIONS the simulator has as many sources, each with its own path, and no other. */
function simulatedSources(
  config: SupervisorConfig,
  { PMC_CHAOS_CONNECTIONS: count = '' }: Environment,
): readonly string[] {
  const { wsUrl } = simulatorOf(config);
  // Whether the number is one, the simulator says.
  if (!/^[1-9]\d{0,3}$/.test(count)) return [wsUrl];
  return Array.from({ length: Number(count) }, (_, index) => `${wsUrl}/source-${index + 1}`);
}

/** The console's pages may connect to the users' WebSocket, by either name of this machine, and so may those that are named. */
function originsOf(
  { host, consolePort }: SupervisorConfig,
  { PMC_ORIGINS: named = '' }: Environment,
): readonly string[] {
  const hosts = new Set(['127.0.0.1', 'localhost', reachable(host)]);
  const own = [...hosts].map((one) => `http://${one.includes(':') ? `[${one}]` : one}:${consolePort}`);
  return named === '' ? own : [...own, named];
}

/** Where a service that listens on every address is reached from this machine. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
