// How many events a second the simulator sends to one consuming client process, over several connections, with its ledger
// written, and what an event costs it. More is offered than it can do; what it does not manage it counts as late. The client
// counts too: `arrived` is its share of what had been sent at the last reading.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../service/config.ts';
import { freePorts } from '../test/support/free-ports.ts';
import { type Figure, spread } from './figures.ts';

const OFFERED_PER_SECOND = 100_000;
const CONNECTIONS = 8;
const WARM_UP_MS = 2_000;
const RUN_MS = 5_000;
const SIMULATOR = fileURLToPath(new URL('../producers/chaos-socket/main.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('./chaos-client.ts', import.meta.url));

interface Reading {
  readonly atMs: number;
  readonly sent: number;
  readonly offered: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export async function chaos(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const { measured, arrivedShare } = await measure(environment, runs);
  return [
    { figure: 'chaos.sent', unit: 'events/s', value: spread(measured.map(({ perSecond }) => perSecond)) },
    { figure: 'chaos.cpu', unit: 'µs/event', value: spread(measured.map(({ cpuMicros }) => cpuMicros)) },
    { figure: 'chaos.memory', unit: 'MiB', value: spread(measured.map(({ memoryMib }) => memoryMib)) },
    { figure: 'chaos.unsent', unit: 'share', value: spread(measured.map(({ unsentShare }) => unsentShare)) },
    { figure: 'chaos.arrived', unit: 'share', value: spread([arrivedShare]) },
  ];
}

async function measure(environment: Environment, runs: number) {
  const home = await mkdtemp(join(tmpdir(), 'pmc-bench-chaos-'));
  const [wsPort = 0, apiPort = 0, healthPort = 0] = await freePorts(3);
  const settings = {
    ...{ PATH: environment['PATH'], PMC_HOME: home, PMC_LOG_LEVEL: 'warn', NODE_ENV: 'production' },
    ...{ WS_PORT: `${wsPort}`, API_PORT: `${apiPort}`, PMC_HEALTH_PORT: `${healthPort}` },
    ...{ PMC_CHAOS_RATE: `${OFFERED_PER_SECOND}`, PMC_CHAOS_PROFILE: 'flood', PMC_CHAOS_SEED: '7' },
  };
  const simulator = spawn(process.execPath, [SIMULATOR], { env: settings, stdio: ['ignore', 'ignore', 'inherit'] });
  let client: ChildProcess | undefined;
  try {
    await answering(`http://127.0.0.1:${healthPort}/ready`);
    const url = `ws://127.0.0.1:${wsPort}`;
    client = spawn(process.execPath, [CLIENT, url, `${CONNECTIONS}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    const answers = createInterface({ input: client.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    await answers.next();
    await sleep(WARM_UP_MS);
    const measured = [];
    let before = await read(apiPort, healthPort);
    for (let run = 0; run < runs; run += 1) {
      await sleep(RUN_MS);
      const after = await read(apiPort, healthPort);
      measured.push(between(before, after));
      before = after;
    }
    client.stdin?.end();
    const { frames } = JSON.parse(String((await answers.next()).value)) as { frames: number };
    return { measured, arrivedShare: Math.min(1, frames / before.sent) };
  } finally {
    client?.kill();
    simulator.kill();
    await once(simulator, 'exit');
    await rm(home, { recursive: true, force: true });
  }
}

function between(before: Reading, after: Reading) {
  const sent = after.sent - before.sent;
  const offered = after.offered - before.offered;
  return {
    perSecond: (sent * 1_000) / (after.atMs - before.atMs),
    cpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1_000_000) / sent,
    memoryMib: after.memoryBytes / 1_048_576,
    unsentShare: 1 - sent / offered,
  };
}

async function read(apiPort: number, healthPort: number): Promise<Reading> {
  const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
  const response = await fetch(`http://127.0.0.1:${apiPort}/api/status`);
  const { sent, offered } = (await response.json()) as { sent: number; offered: number };
  const metric = (name: string): number => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
  return {
    atMs: performance.now(),
    sent,
    offered,
    cpuSeconds: metric('process_cpu_seconds_total'),
    memoryBytes: metric('process_resident_memory_bytes'),
  };
}

async function answering(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await sleep(100);
  }
}
