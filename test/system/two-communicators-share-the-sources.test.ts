// Two communicators: the consumer group shares the sources between them. When one is killed under load the other takes its
// sources over, nothing is lost, and the dead one's open end is named until its successor has closed it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FINDING_WEIGHT } from '../../consumers/gap-detector/verdict.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { plainEnvironment } from '../support/plain-environment.ts';
import { System } from '../support/system.ts';
import { compareWithRows } from '../support/verdict-of-rows.ts';

const COMMUNICATOR = fileURLToPath(new URL('../../producers/communicator/main.ts', import.meta.url));
/** Each lies on a partition by its name, which has a port in it: of six, one time in thirty all of them would be on those of one communicator. */
const SOURCES = 12;

let system: System;
let folder: string;
let second: { readonly process: ChildProcess; readonly healthUrl: string } | undefined;

/** A communicator beside the one of the system, with a spool of its own. */
async function startSecond() {
  const { kafka, database, simulator } = system.status;
  const sources = Array.from({ length: SOURCES }, (_, index) => `${simulator?.wsUrl}/source-${index + 1}`);
  const child = spawn(process.execPath, [COMMUNICATOR], {
    env: {
      ...plainEnvironment(),
      NODE_ENV: 'production',
      PMC_INSTANCE: 'second',
      PMC_SPOOL_FOLDER: join(folder, 'spool'),
      PMC_SCHEMA_CACHE: join(folder, 'schemas'),
      PMC_KAFKA_BROKERS: kafka.brokers.join(','),
      PMC_REGISTRY_URL: kafka.registryUrl,
      DATABASE_URL: database.url,
      PMC_SOURCES: sources.join(','),
      PMC_GATEWAY_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, healthUrl } = JSON.parse(line) as { event?: string; healthUrl?: string };
    if (event === 'service.started' && healthUrl !== undefined) {
      child.stdout.resume();
      return { process: child, healthUrl };
    }
  }
  throw new Error(`the second communicator ended with ${child.exitCode}`);
}

async function end(signal: NodeJS.Signals): Promise<void> {
  const child = second?.process;
  second = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** The sources that are open in a communicator. */
async function openIn(healthUrl: string | null | undefined): Promise<readonly string[]> {
  const answer = await fetch(`${healthUrl}/ready`);
  const { facts } = (await answer.json()) as { facts: { sources?: readonly { name: string; state: string }[] } };
  return (facts.sources ?? []).filter(({ state }) => state === 'open').map(({ name }) => name);
}

async function openInFirst(): Promise<readonly string[]> {
  return await openIn(system.status.services.find(({ name }) => name === 'communicator')?.healthUrl);
}

async function compare(): Promise<ChaosVerdict> {
  const { simulator, database } = system.status;
  return await compareWithRows(await (await fetch(`${simulator?.apiUrl}/api/ledger`)).text(), database.url);
}

const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 90_000, interval: 250 });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-second-'));
  system = await System.start({ PMC_CHAOS_CONNECTIONS: String(SOURCES), PMC_CHAOS_RATE: '200' });
  second = await startSecond();
}, 300_000);

afterAll(async () => {
  await end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
  expect(await system?.stop()).toBe(0);
});

test('they share the sources, and each source has one of them', async () => {
  await eventually(async () => {
    const [first, other] = [await openInFirst(), await openIn(second?.healthUrl)];
    expect(first.length).toBeGreaterThan(0);
    expect(other.length).toBeGreaterThan(0);
    expect([...first, ...other].sort()).toHaveLength(SOURCES);
    expect(new Set([...first, ...other]).size).toBe(SOURCES);
  });
});

test('one that is killed under load loses nothing: the other goes on with its sources', {
  timeout: 300_000,
}, async () => {
  const before = await system.count('message_metadata');
  await eventually(async () => expect(await system.count('message_metadata')).toBeGreaterThan(before));
  await end('SIGKILL');
  await eventually(async () => expect(await openInFirst()).toHaveLength(SOURCES));

  // It comes back, closes what its predecessor left open, and leaves in order.
  second = await startSecond();
  await eventually(async () => expect((await openIn(second?.healthUrl)).length).toBeGreaterThan(0));
  await system.silence();
  await eventually(async () => expect(await compare()).toMatchObject({ unexplained: 0, verdict: 'pass' }));
  await end('SIGTERM');
  await eventually(async () => expect(await openInFirst()).toHaveLength(SOURCES));
  const { report } = await system.audit();
  expect(report.findings.filter(({ kind }) => FINDING_WEIGHT[kind] !== 'none')).toEqual([]);
  expect(report.stages.find(({ stage }) => stage === 'gateway-to-log')?.epochs?.length).toBe(3);
});
