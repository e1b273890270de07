// The real servers under a supervisor that is killed, and started again: what was kept, what was ended, what was spared.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, expect, inject, test, vi } from 'vitest';
import { parseRegister, type RegisterEntry } from '../../compose/processes/process-register.ts';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { openAdmin } from '../../kafka/connect.ts';
import { registerSchemas } from '../../kafka/schema-registration.ts';
import type { StackStatus } from '../../operator/supervisor/stack-status.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import { pidsOf, running, runStandIn, type StandInRun, scratchHome, scratchPorts } from '../support/stand-in-run.ts';

const home = scratchHome();
const runs: StandInRun[] = [];
let innocent: ChildProcess | undefined;

afterAll(async () => {
  innocent?.kill('SIGKILL');
  for (const run of runs) run.process.kill('SIGTERM');
  await Promise.all(runs.map(({ ended }) => ended));
  rmSync(home, { recursive: true, force: true });
});

async function start(ports: Readonly<Record<string, string>>): Promise<{ run: StandInRun; status: StackStatus }> {
  const run = runStandIn(home, { ...ports, PMC_ARTIFACTS: inject('artifacts') });
  runs.push(run);
  return { run, status: await run.ready() };
}

/** Makes topics, schemas and a row where they are missing, and returns what must never change. */
async function whatIsKept({ kafka, database }: StackStatus): Promise<unknown> {
  await ensureTopics(kafka);
  const schemas = await registerSchemas(kafka.registryUrl);
  const config = {
    brokers: kafka.brokers,
    registryUrl: kafka.registryUrl,
    appenderClient: 'kafkajs',
    readerClient: 'kafkajs',
  } as const;
  const admin = openAdmin({ config, clientId: 'pmc-test' });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('create table if not exists kept as select gen_random_uuid() as id');
    const { rows } = await client.query('select id from kept');
    const [topic] = await admin.topics([TOPIC.incoming]);
    return {
      clusterId: (await admin.cluster()).clusterId,
      incarnation: topic?.incarnation,
      schemas: [...schemas],
      rows,
    };
  } finally {
    await client.end();
    await admin.stop();
  }
}

function registered(): readonly RegisterEntry[] {
  return parseRegister(readFileSync(join(home, 'run', 'processes.json'), 'utf8'));
}

test('a killed supervisor leaves nothing running, and the next start has the same data', {
  timeout: 900_000,
}, async () => {
  const ports = await scratchPorts();
  const { run: first, status } = await start(ports);
  const kept = await whatIsKept(status);
  expect(status.servers.map(({ name }) => name).sort()).toEqual(['kafka', 'postgres', 'registry']);

  first.process.kill('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  await vi.waitFor(() => expect(running(pidsOf(status))).toEqual([]), 60_000);

  const { run: second, status: again } = await start(ports);
  expect(second.output.stderr).toContain('a previous run ended without cleaning up');
  expect(await whatIsKept(again)).toEqual(kept);

  // Without its warden nobody ends the servers: that is for the next start, and only what is really of this run.
  const warden = wardenOf(second);
  process.kill(warden, 'SIGKILL');
  second.process.kill('SIGKILL');
  await second.ended;
  const orphans = registered().filter(({ stage }) => stage !== 'service');
  expect(running(orphans.map(({ pid }) => pid))).toHaveLength(3);
  innocent = spawn('sleep', ['600'], { stdio: 'ignore' });
  const claim: RegisterEntry = {
    name: 'kafka',
    stage: 'kafka',
    pid: innocent.pid ?? 0,
    startTime: 'another time',
    stopSignal: 'SIGTERM',
  };
  const register = { processes: [...registered(), claim] };
  writeFileSync(join(home, 'run', 'processes.json'), JSON.stringify(register));

  const { run: third, status: last } = await start(ports);
  for (const { name, pid } of orphans) expect(third.output.stderr).toContain(`${name} (pid ${pid})`);
  expect(running(orphans.map(({ pid }) => pid))).toEqual([]);
  expect(startTimeOf(innocent.pid ?? 0)).toBeDefined();
  expect(await whatIsKept(last)).toEqual(kept);

  third.process.kill('SIGINT');
  expect(await third.ended).toBe(0);
  expect(third.output.stderr).not.toContain('did not stop in order');
  expect(running(pidsOf(last))).toEqual([]);
});

function wardenOf({ process: supervisor }: StandInRun): number {
  const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'utf8').trim().split(' ');
  const warden = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('warden.ts'));
  if (warden === undefined) throw new Error('the supervisor has no warden');
  return Number(warden);
}
