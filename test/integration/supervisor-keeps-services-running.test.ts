// A stack whose servers are somebody else's: what the supervisor does with services, a second start and bad surroundings.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, inject, test, vi } from 'vitest';
import { askService } from '../../operator/supervisor/control-client.ts';
import { runningStack } from '../../service/stack-file.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { pidsOf, running, runStandIn, type StandInRun, scratchHome, scratchPorts } from '../support/stand-in-run.ts';

const WAITS = { timeout: 30_000, interval: 20 };
const homes: string[] = [];
const runs: StandInRun[] = [];

function newHome(): string {
  const home = scratchHome();
  homes.push(home);
  return home;
}

function start(home: string, environment: Readonly<Record<string, string>>): StandInRun {
  const run = runStandIn(home, environment);
  runs.push(run);
  return run;
}

function externalServers(): Record<string, string> {
  return {
    PMC_KAFKA_BROKERS: inject('brokers').join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: inject('databaseUrl'),
  };
}

afterAll(async () => {
  for (const run of runs) run.process.kill('SIGTERM');
  await Promise.all(runs.map(({ ended }) => ended));
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

test('a crashed service comes back, a stopped one stays away, a signal ends all, and stdout holds one line', async () => {
  const home = newHome();
  const environment = { ...externalServers(), ...(await scratchPorts()) };
  const ofAnotherNode = join(home, 'compiled', 'v0.0.1-x64-964aae3f-0');
  mkdirSync(ofAnotherNode, { recursive: true });
  const run = start(home, environment);
  const status = await run.ready();
  expect(existsSync(ofAnotherNode)).toBe(false);
  expect(status).toMatchObject({
    schemaVersion: 1,
    ready: true,
    servers: [],
    database: { url: inject('databaseUrl') },
  });
  expect(status.services.map(({ name }) => name)).toEqual([
    ...['communicator', 'persistence', 'commands', 'gap-detector', 'console', 'chaos-socket'],
  ]);

  const victim = status.services.find(({ name }) => name === 'commands');
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const afterCrash = await vi.waitFor(async () => {
    const service = (await run.status()).services.find(({ name }) => name === 'commands');
    expect(service).toMatchObject({ state: 'running', restarts: 1, ready: true });
    return service;
  }, 30_000);
  expect(afterCrash?.pid).not.toBe(victim?.pid);
  expect(afterCrash?.lastExit?.reason).toBe('SIGKILL');
  expect(run.output.stderr).toMatch(/^commands: ended with SIGKILL.*; starting it again$/m);

  const stack = runningStack(run.folder);
  expect(await askService(stack, 'persistence', 'stop')).toMatchObject({ state: 'stopped', pid: null, restarts: 0 });
  expect((await run.status()).ready).toBe(false);
  expect(await askService(stack, 'persistence', 'start')).toMatchObject({ state: 'running', ready: true });
  await expect(askService(stack, 'nobody', 'stop')).rejects.toThrow(/unknown service nobody; known: communicator/);
  const stranger = { ...stack, control: { ...stack.control, token: 'guessed' } };
  await expect(askService(stranger, 'commands', 'stop')).rejects.toMatchObject({ code: 'PMC_UNAUTHORISED' });

  const second = start(home, environment);
  expect(await second.ended).toBe(4);
  expect(second.output.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(new RegExp(`already runs on ${home} .*end it with .pmc down`)),
  ]);
  expect((await run.status()).ready).toBe(true);

  const pids = pidsOf(await run.status());
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(running(pids)).toEqual([]);
  expect(run.output.stdout).toMatch(/^pmc ready console=http:\/\/127\.0\.0\.1:\d+\/\?token=\S{20,}\n$/);
});

test('a taken port is one clear line, and the lock is free again', async () => {
  const home = newHome();
  const ports = await scratchPorts();
  const taken = Number(ports['WS_PORT']);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(taken, '127.0.0.1', resolve));
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const run = start(home, { ...externalServers(), ...ports });
    expect(await run.ended).toBe(4);
    expect(run.output.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(new RegExp(`port ${taken} \\(chaos-socket\\) is taken .* set WS_PORT or PMC_PORT_OFFSET`)),
    ]);
    expect(run.output.stdout).toBe('');
  }
  squatter.close();
});

test('an address that is not of this machine is one clear line before anything is started', async () => {
  const home = newHome();
  // Of a network that is for documents only.
  const run = start(home, { ...externalServers(), ...(await scratchPorts()), PMC_HOST: '192.0.2.1' });
  expect(await run.ended).toBe(4);
  expect(run.output.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/nobody can listen on 192\.0\.2\.1 \(EADDRNOTAVAIL\); set PMC_HOST/),
  ]);
  expect(existsSync(join(home, 'run', 'processes.json'))).toBe(false);
});

test('a server that does not answer is one line with its address and its variable, exit code 7', async () => {
  const ports = await scratchPorts();
  const nobody = `127.0.0.1:${ports['PMC_KAFKA_PORT']}`;
  const wrong = {
    PMC_KAFKA_BROKERS: [nobody, /127\.0\.0\.1:\d+; PMC_KAFKA_BROKERS/],
    PMC_REGISTRY_URL: [`http://${nobody}`, /http:\/\/127\.0\.0\.1:\d+ does not answer; PMC_REGISTRY_URL/],
    DATABASE_URL: [`postgresql://u:secret@${nobody}/d`, /127\.0\.0\.1:\d+ does not answer; DATABASE_URL/],
  } as const;
  for (const [variable, [value, line]] of Object.entries(wrong)) {
    const run = start(newHome(), { ...externalServers(), ...ports, [variable]: value });
    expect(await run.ended).toBe(7);
    expect(run.output.stderr.trim().split('\n')).toEqual([expect.stringMatching(line)]);
    expect(run.output.stderr).not.toContain('secret');
  }
});

test('a missing Java is one line that names what to install', async () => {
  const { PMC_REGISTRY_URL: _own, ...others } = externalServers();
  const run = start(newHome(), {
    ...others,
    ...(await scratchPorts()),
    JAVA_HOME: '/nowhere',
    PMC_ARTIFACTS: inject('artifacts'),
  });
  expect(await run.ended).toBe(4);
  expect(run.output.stderr.trim().split('\n')).toEqual([expect.stringMatching(/Java is missing .*install a JDK 17/)]);
});

test.for([
  ['a setting', 'yes', /^PMC_CONFIG_INVALID: stand-in: PMC_CONFIG_INVALID: STAND_IN_REFUSES must be [^\n]*$/m],
  ['what a setting names', 'late', /^PMC_CONFIG_INVALID: \S+: PMC_CHAOS_RECORDING_INVALID: what [^\n]*$/m],
] as const)('%s that a service refuses at its start ends the start, in one line', async ([, value, line]) => {
  const home = newHome();
  const environment = { ...externalServers(), ...(await scratchPorts()), STAND_IN_REFUSES: value };
  const run = start(home, environment);
  expect(await run.ended).toBe(2);
  expect(run.output.stderr).toMatch(line);
  expect(run.output.stderr).not.toMatch(/starting it again|service\.failed/);
  expect(JSON.parse(readFileSync(join(home, 'run', 'processes.json'), 'utf8'))).toEqual({ processes: [] });
});

test('what a service would refuse is one line before anything is started', async () => {
  for (const [variable, value, line] of [
    ['PMC_CHAOS_PROFILE', 'nosuch', /^PMC_CHAOS_PROFILE_UNKNOWN: unknown profile "nosuch"/],
    ['PMC_PERSISTENCE_BATCH_ROWS', '0', /^PMC_CONFIG_INVALID: PMC_PERSISTENCE_BATCH_ROWS must be/],
  ] as const) {
    const home = newHome();
    const run = start(home, { ...externalServers(), ...(await scratchPorts()), [variable]: value });
    expect(await run.ended).toBe(2);
    expect(run.output.stderr.trim().split('\n')).toEqual([expect.stringMatching(line)]);
    expect(existsSync(join(home, 'run', 'processes.json'))).toBe(false);
  }
});

test('a service that does not stop in order is named, by the command that stops it and at the end of all', async () => {
  const home = newHome();
  const run = start(home, { ...externalServers(), ...(await scratchPorts()), STAND_IN_STOPS: 'badly' });
  const pids = pidsOf(await run.ready());
  const stopped = await pmcCommand({ PMC_HOME: home }, 'service', 'stop', 'commands');
  expect(stopped).toMatchObject({ code: 1, stdout: '' });
  expect(stopped.stderr).toMatch(
    /^pmc: PMC_STOP_OVERDUE: commands is stopped, but .*exit code 1: .*waits for the next start/,
  );
  const commands = (await run.status()).services.find(({ name }) => name === 'commands');
  expect(commands).toMatchObject({ state: 'stopped', lastExit: { reason: 'exit code 1' } });
  run.process.kill('SIGTERM');
  expect(await run.ended).toBe(0);
  expect(running(pids)).toEqual([]);
  expect(run.output.stderr).toMatch(/^persistence: did not stop in order: exit code 1: .*waits for the next start/m);
  expect(run.output.stderr).not.toMatch(/^commands: did not stop/m);
});

test('`pmc down` ends a stack, also one that still starts, and returns when nothing of it runs', async () => {
  const home = newHome();
  const down = () => pmcCommand({ PMC_HOME: home }, 'down');
  const environment = { ...externalServers(), ...(await scratchPorts()) };
  const run = start(home, environment);
  const pids = pidsOf(await run.ready());
  expect(await down()).toEqual({ code: 0, stdout: `the stack on ${home} is stopped\n`, stderr: '' });
  expect(running([...pids, run.process.pid ?? 0])).toEqual([]);
  expect(await run.ended).toBe(0);

  const again = start(home, environment);
  await vi.waitFor(() => expect(existsSync(join(home, 'run', 'lock'))).toBe(true), WAITS);
  expect(await down()).toMatchObject({ code: 0 });
  expect([0, 130]).toContain(await again.ended);
  expect(await down()).toMatchObject({ code: 7, stdout: '' });
});
