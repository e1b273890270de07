// compose.yaml against the code and against the embedded stack: the services, what each is told, and how each is kept.
// The servers are in compose-servers.test.ts, Prometheus is in compose-monitoring.test.ts.
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import type { AddVerb, Cli } from '../operator/cli/cli.ts';
import { addDatabase } from '../operator/cli/database.ts';
import { addSchemas } from '../operator/cli/schemas.ts';
import { addTopics } from '../operator/cli/topics.ts';
import { healthPort, readSupervisorConfig } from '../operator/supervisor/config.ts';
import {
  SERVICE_FLAGS,
  SERVICE_MAINS,
  SERVICE_NAMES,
  type ServiceName,
  serviceEnvironment,
} from '../operator/supervisor/services.ts';
import { SERVICES } from '../scripts/docs/rooms.ts';
import { checkExposure } from '../service/access.ts';
import { readSettings, type Settings } from '../service/config.ts';
import {
  COMPOSE_FILE,
  COMPOSE_TEXT,
  type ComposeService,
  composeServices,
  EXAMPLE_ENVIRONMENT,
  environmentOf,
  exampleVariables,
  interpolate,
} from './support/compose-file.ts';
import { readProjectFile } from './support/project-files.ts';

const services = composeServices(EXAMPLE_ENVIRONMENT);
const config = readSupervisorConfig({});

/** Settings that compose leaves out on purpose. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  PMC_CONTROL_URL: 'there is no supervisor: Compose restarts what ends',
  PMC_CONTROL_TOKEN: 'there is no supervisor',
  CHAOS_PROFILE: 'an older name of PMC_CHAOS_PROFILE',
  LOG_LEVEL: 'an older name of PMC_LOG_LEVEL',
};
/** What the image says once for all services. */
const OF_IMAGE = ['NODE_ENV', 'KAFKAJS_NO_PARTITIONER_WARNING'];

function service(name: string): ComposeService {
  const found = services.get(name);
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return found;
}

function settingsOf(name: string): Settings {
  const room = SERVICES.find((one) => one.name === name);
  if (room === undefined) throw new Error(`no room ${name}`);
  return room.settings;
}

function variablesOf(settings: Settings): readonly string[] {
  return Object.values(settings).map(({ variable }) => variable);
}

function embeddedEnvironment(name: ServiceName): Readonly<Record<string, string | undefined>> {
  const addresses = { brokers: ['b:1'], registryUrl: 'http://r', databaseUrl: 'postgresql://d' };
  return serviceEnvironment(
    name,
    {},
    { config, addresses, secrets: { home: 'h', consoleToken: 't', controlToken: 'c' } },
  );
}

describe('variables are put in as Compose does it', () => {
  test.for<[string, string]>([
    ['${A}', 'a'],
    ['x-${A:-b}-y', 'x-a-y'],
    ['${NONE:-b:${A:?needed}@c}', 'b:a@c'],
    ['${EMPTY:-b}', 'b'],
    ['$${A:-$$B}', '${A:-$B}'],
  ])('%s is %s', ([text, value]) => {
    expect(interpolate(text, { A: 'a', EMPTY: '' })).toBe(value);
  });

  test('a required one that is missing is an error', () => {
    expect(() => interpolate('${A:-${NONE:?say it}}', {})).toThrow('NONE is missing a value: say it');
  });
});

describe.for([...SERVICE_NAMES])('%s', (name) => {
  const { environment, command, healthcheck, depends_on, profiles } = service(name);
  const settings = settingsOf(name);
  const names = Object.keys(environment);

  test('runs the same program as in the embedded stack', () => {
    expect(command.join(' ').endsWith(['node', ...SERVICE_FLAGS[name], SERVICE_MAINS[name]].join(' '))).toBe(true);
    expect(existsSync(new URL(`../${SERVICE_MAINS[name]}`, import.meta.url))).toBe(true);
  });

  test('is told only what it reads, and can be told all of that', () => {
    const readable = variablesOf(settings).filter((variable) => !(variable in LEFT_OUT));
    expect([...names].sort()).toEqual([...new Set(readable)].sort());
  });

  test('starts with what compose/.env.example gives', () => {
    const told = environmentOf(service(name), EXAMPLE_ENVIRONMENT);
    expect(() => readSettings(told, settings)).not.toThrow();
    expect(told['PMC_HOST']).toBe('0.0.0.0');
  });

  test('and opens nothing to others without a secret', () => {
    const told = environmentOf(service(name), EXAMPLE_ENVIRONMENT);
    for (const token of ['PMC_CONSOLE_TOKEN', 'PMC_CHAOS_TOKEN'].filter((one) => names.includes(one)))
      expect(() => checkExposure(told['PMC_HOST'] ?? '', told[token] ?? '', token)).not.toThrow();
  });

  test('is told the same as in the embedded stack', () => {
    const embedded = Object.keys(embeddedEnvironment(name)).filter(
      (variable) => variablesOf(settings).includes(variable) && !(variable in LEFT_OUT),
    );
    expect(embedded.filter((variable) => !names.includes(variable))).toEqual([]);
    const fixed = names.filter((variable) => environment[variable] !== null);
    expect(fixed.filter((variable) => !embedded.includes(variable))).toEqual([]);
  });

  test('has the health port of the embedded stack and is checked by its own readiness', () => {
    expect(environment['PMC_HEALTH_PORT']).toBe(String(healthPort(config, SERVICE_NAMES.indexOf(name))));
    expect(healthcheck?.test.join(' ')).toContain("process.env.PMC_HEALTH_PORT + '/ready'");
  });

  test('waits for tables, topics and schemas if it uses them', () => {
    const waits = { bootstrap: { condition: 'service_completed_successfully', required: true } };
    expect(depends_on).toEqual(name === 'chaos-socket' ? {} : waits);
    expect(profiles).toEqual(name === 'chaos-socket' ? ['chaos'] : []);
  });
});

describe('what the image says for all services', () => {
  const dockerfile = readProjectFile('compose/Dockerfile');

  test.for(OF_IMAGE)('%s is as in the embedded stack', (variable) => {
    const said = new RegExp(`\\b${variable}=(\\S+)`).exec(dockerfile)?.[1];
    expect(said).toBe(embeddedEnvironment('console')[variable]);
  });
});

describe('bootstrap', () => {
  const { command, depends_on, build } = service('bootstrap');
  const cli: Cli = { environment: {}, stdout: process.stdout, stderr: process.stderr, endWith: () => undefined };
  const program = new Command('pmc').exitOverride();
  for (const add of [addDatabase, addTopics, addSchemas] satisfies readonly AddVerb[]) add(program, cli);
  const lines = (command.at(-1) ?? '').trim().split('\n');

  test('makes tables, topics and schemas, by verbs and flags that exist', () => {
    expect(lines.map((line) => line.replace(/ --.*/, ''))).toEqual([
      'node operator/cli/pmc.ts database migrate',
      'node operator/cli/pmc.ts topics create',
      'node operator/cli/pmc.ts schemas register',
    ]);
    for (const line of lines) {
      const [noun, verb, ...flags] = line.split(' ').slice(2);
      const found = program.commands.find((one) => one.name() === noun)?.commands.find((one) => one.name() === verb);
      const known = found?.options.map(({ long }) => long) ?? [];
      expect(flags.filter((flag) => flag.startsWith('--') && !known.includes(flag))).toEqual([]);
    }
  });

  test('waits for every server that runs here, and for none that does not', () => {
    const servers = ['kafka-1', 'kafka-2', 'kafka-3', 'postgres', 'registry'];
    expect(Object.keys(depends_on).sort()).toEqual(servers);
    for (const one of Object.values(depends_on)) expect(one).toEqual({ condition: 'service_healthy', required: false });
    for (const name of servers) expect(service(name).profiles).toEqual([name.replace(/-\d$/, '')]);
  });

  test('builds the image that all services use', () => {
    expect(build).toEqual({ context: '..', dockerfile: 'compose/Dockerfile' });
    const { version } = JSON.parse(readProjectFile('package.json')) as { version: string };
    for (const name of ['bootstrap', ...SERVICE_NAMES]) {
      expect(service(name).image).toBe(`personal-message-center:${version}`);
    }
    expect([...services].filter(([, one]) => one.build !== undefined).map(([name]) => name)).toEqual(['bootstrap']);
  });
});

describe.for([...services])('the container of %s', ([name, one]) => {
  test('has no privileges, limits, and a log that is bounded', () => {
    expect(one.cap_drop).toEqual(['ALL']);
    expect(one.security_opt).toEqual(['no-new-privileges:true']);
    expect(one.logging?.options).toEqual({ 'max-size': '20m', 'max-file': '5' });
    expect(one.deploy?.resources.limits).toEqual({
      cpus: expect.any(String),
      memory: expect.stringMatching(/^\d+[MG]$/),
    });
  });

  test('is started again, and is given time to drain', () => {
    expect(one.restart).toBe(name === 'bootstrap' ? 'on-failure:10' : 'unless-stopped');
    expect(Number(/^(\d+)s$/.exec(one.stop_grace_period ?? '')?.[1])).toBeGreaterThanOrEqual(20);
  });
});

test.for(['bootstrap', ...SERVICE_NAMES])('%s runs read-only and not as root', (name) => {
  expect([service(name).user, service(name).read_only]).toEqual(['node', true]);
});

describe('compose/.env.example', () => {
  const example = exampleVariables();
  const passedOn = Object.values(COMPOSE_FILE.services).flatMap(({ environment }) =>
    Object.keys(environment).filter((variable) => environment[variable] === null),
  );
  const used = new Set([
    ...passedOn,
    ...[...COMPOSE_TEXT.matchAll(/(?<!\$)\$\{([A-Z_0-9]+)/g)].map(([, name = '']) => name),
  ]);

  test('names every variable that compose.yaml uses, once, and no other', () => {
    const named = example.map(({ name }) => name).filter((name) => name !== 'COMPOSE_PROFILES');
    expect([...named].sort()).toEqual([...used].sort());
  });

  test('shows the values that hold when a variable is not set', () => {
    const shown = example.filter(
      ({ isSet, name }) => !isSet && !(name in EXAMPLE_ENVIRONMENT) && name !== 'DATABASE_URL',
    );
    const withAll = { ...EXAMPLE_ENVIRONMENT, ...Object.fromEntries(shown.map(({ name, value }) => [name, value])) };
    expect(Object.fromEntries(composeServices(withAll))).toEqual(Object.fromEntries(services));
  });

  test('starts every part that has a profile', () => {
    const profiles = new Set([...services.values()].flatMap((one) => one.profiles));
    expect(new Set(EXAMPLE_ENVIRONMENT['COMPOSE_PROFILES']?.split(','))).toEqual(profiles);
  });

  const required = [...COMPOSE_TEXT.matchAll(/\$\{([A-Z_]+):\?([^}]*)\}/g)].map(([, name = '', message = '']) => ({
    name,
    message,
  }));

  test.for([...new Set(required.map(({ name }) => name))])('%s is required', (name) => {
    expect(() => composeServices({ ...EXAMPLE_ENVIRONMENT, [name]: '' })).toThrow(`${name} is missing a value`);
  });

  test('gives no secret away', () => {
    const secret = /PASSWORD|TOKEN/;
    expect(example.filter(({ name, value }) => secret.test(name) && value !== '')).toEqual([]);
    const written = Object.values(COMPOSE_FILE.services).flatMap(({ environment }) => Object.entries(environment));
    const secrets = written.filter(([name]) => secret.test(name));
    expect(secrets.length).toBeGreaterThan(4);
    // Passed on, which may also mean not at all, or demanded.
    const given = secrets.filter(([, value]) => value !== null);
    expect(given.filter(([, value]) => !/^\$\{[A-Z_]+:\?[^}]*\}$/.test(String(value)))).toEqual([]);
    expect(COMPOSE_TEXT).not.toMatch(/:\/\/\w+:\w+@/);
  });

  test('has messages without a hyphen, which some versions of Compose would take for a default', () => {
    expect(required.filter(({ message }) => /[-?]/.test(message))).toEqual([]);
  });
});
