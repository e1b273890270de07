// A service whose servers are away waits for them at its start. Told to stop meanwhile it ends at once and in order, whatever it waits
// for: nothing answers here, or something takes connections and never says a word.
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { freePorts } from '../support/free-ports.ts';
import { ServiceProcess } from '../support/service-process.ts';

const NAMES = ['communicator', 'persistence', 'commands', 'gap-detector', 'console'] as const;
const UP_WITHIN = { timeout: 60_000, interval: 100 };
/** Where nobody says a word there may be nothing to say yet. */
const SAID_WITHIN = { refuses: UP_WITHIN, 'is mute': { timeout: 8_000, interval: 100 } } as const;

let folder: string;
let mute: Server;
let closedPort: number;
let service: ServiceProcess | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-waiting-'));
  [closedPort = 0] = await freePorts(1);
  mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await service?.stop('SIGKILL');
});

afterAll(() => {
  mute.close();
  rmSync(folder, { recursive: true, force: true });
});

const CASES = NAMES.flatMap((name) => [[name, 'refuses'] as const, [name, 'is mute'] as const]);

test.for(CASES)('%s, where everything %s', async ([name, how]) => {
  const port = how === 'refuses' ? closedPort : (mute.address() as AddressInfo).port;
  const [gatewayPort = 0, consolePort = 0, healthPort = 0] = await freePorts(3);
  service = ServiceProcess.start(name, {
    PMC_KAFKA_BROKERS: `127.0.0.1:${port}`,
    PMC_REGISTRY_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: `postgres://postgres@127.0.0.1:${port}/pmc`,
    PMC_HOME: join(folder, name),
    PMC_SPOOL_FOLDER: join(folder, name, 'spool'),
    PMC_SCHEMA_CACHE: join(folder, name, 'schemas'),
    PMC_INSTANCE: 'waiting',
    PMC_GATEWAY_PORT: String(gatewayPort),
    PMC_CONSOLE_PORT: String(consolePort),
    PMC_HEALTH_PORT: String(healthPort),
    PMC_CONSOLE_TOKEN: 'a-token-for-a-test-that-is-long',
    PMC_SOURCES: `ws://127.0.0.1:${closedPort}/`,
    PMC_LOG_LEVEL: 'info',
  });
  const started = service;
  // Before its health page answers, a signal may find nobody who listens for it.
  await vi.waitFor(() => fetch(`http://127.0.0.1:${healthPort}/ready`), UP_WITHIN);
  // It waits, or has come as far as it can.
  const isWaiting = /"away"|\.away"|service\.started|UNREACHABLE/;
  const waits = vi.waitFor(() => expect(started.log).toMatch(isWaiting), SAID_WITHIN[how]);
  if (how === 'refuses') await waits;
  else await waits.catch(() => undefined);
  const end = await started.stop('SIGTERM');
  // A service that does not end within its deadline says so, and ends with another code.
  expect(end, started.log.slice(-3_000)).toEqual({ code: 0, signal: null });
  expect(started.log).not.toMatch(/service\.(failed|stop\.failed|stop\.overdue)/);
});
