// A real communicator in a process of its own for a benchmark, on scratch servers: with the faster appender whatever the
// environment says, with Node's options as the stack gives them, and with no limit on what one user may send, since a few
// connections stand for many users.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SERVICE_FLAGS } from '../operator/supervisor/services.ts';
import { createPool } from '../service/database.ts';
import { createLogger } from '../service/logger.ts';
import { createToken } from '../service/token-store.ts';
import { freePorts } from '../test/support/free-ports.ts';
import { cpuProfileFlags } from './cpu-profile.ts';
import type { ScratchServers } from './scratch-servers.ts';

const COMMUNICATOR = fileURLToPath(new URL('../producers/communicator/main.ts', import.meta.url));
const UNLIMITED = '100000';
const READY_MAX_MS = 60_000;

export const APPENDER = 'platformatic';

export interface GatewayProcess {
  readonly url: string;
  readonly token: string;
  /** Seconds of CPU that it has used. */
  readonly cpuSeconds: () => number;
  readonly residentBytes: () => number;
  readonly stop: () => Promise<void>;
}

/** `profileFolder`: where to put a CPU profile of its life, if anywhere. */
export async function startGatewayProcess(
  { addresses, home }: Pick<ScratchServers, 'addresses' | 'home'>,
  profileFolder: string | undefined,
): Promise<GatewayProcess> {
  // Before it starts, so that it knows the token at once.
  const token = await userToken(addresses.databaseUrl);
  const [gatewayPort = 0, healthPort = 0, nobody = 0] = await freePorts(3);
  const flags = cpuProfileFlags(profileFolder);
  const child = spawn(process.execPath, [...flags, ...SERVICE_FLAGS.communicator, COMMUNICATOR], {
    stdio: ['ignore', 2, 2],
    env: {
      ...{ NODE_ENV: 'production', KAFKAJS_NO_PARTITIONER_WARNING: '1', PMC_LOG_LEVEL: 'warn' },
      ...{ PMC_HOME: home, PMC_SPOOL_FOLDER: join(home, 'spool') },
      ...{ PMC_KAFKA_BROKERS: addresses.brokers.join(','), PMC_REGISTRY_URL: addresses.registryUrl },
      ...{ DATABASE_URL: addresses.databaseUrl, PMC_KAFKA_APPENDER: APPENDER, PMC_KAFKA_READER: APPENDER },
      ...{ PMC_GATEWAY_PORT: String(gatewayPort), PMC_HEALTH_PORT: String(healthPort) },
      // It must have a source; nobody is there.
      PMC_SOURCES: `ws://127.0.0.1:${nobody}`,
      ...{ PMC_USER_RATE: UNLIMITED, PMC_USER_BURST: UNLIMITED, PMC_CONNECTIONS_PER_SUBJECT: UNLIMITED },
    },
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  try {
    await ready(child, `http://127.0.0.1:${healthPort}/ready`);
    return {
      url: `ws://127.0.0.1:${gatewayPort}`,
      token,
      cpuSeconds: () => cpuSecondsOf(child),
      residentBytes: () => residentBytesOf(child),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_MAX_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`the communicator is not ready: ${(await response?.text()) ?? 'no answer'}`);
    }
    await sleep(100);
  }
}

async function userToken(databaseUrl: string): Promise<string> {
  const pool = createPool(databaseUrl, createLogger('bench', 'silent'), 1);
  try {
    const wanted = { subject: 'bench', role: 'user', expiresInMs: undefined, note: undefined } as const;
    return (await createToken(pool, wanted)).token;
  } finally {
    await pool.end();
  }
}

/** Of a process of this machine; needs /proc. */
export function residentBytesOf({ pid }: ChildProcess): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
}

function cpuSecondsOf({ pid }: ChildProcess): number {
  // Behind the name, which may hold anything: user and system time in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
