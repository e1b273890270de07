// One seeded run on a broker and a database of its own, with the simulator as the source: every outage of every part, and then
// the ledger of what was sent beside the rows. Whatever is not stored must be the end of a connection that broke.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { LinkProxy } from '../../experiment/faults/link-proxy.ts';
import { planOutages } from '../../experiment/faults/outage-plan.ts';
import { judgeOutages, parseOutageLines } from '../../experiment/faults/outage-record.ts';
import {
  faultsOf,
  LINK_OUTAGES,
  type Outage,
  PARTS,
  type Part,
  PROCESS_OUTAGES,
} from '../../experiment/faults/outages.ts';
import type { OwnProcess } from '../../experiment/faults/own-process.ts';
import { type OutageRun, partTarget, runOutages } from '../../experiment/faults/run-outages.ts';
import { RunServers } from '../../experiment/run-servers.ts';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { migrateDatabase } from '../../schemas/database/migrate.ts';
import { systemClock } from '../../service/clock.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import { freePorts } from '../support/free-ports.ts';
import { compareWithRows } from '../support/verdict-of-rows.ts';

const SEED = 20_261_126;
const RATE = 60;
/** A proxy loses no packets. */
const ON_LINKS = (Object.keys(LINK_OUTAGES) as Outage[]).filter((outage) => outage !== 'loss');
const ON_PROCESSES = Object.keys(PROCESS_OUTAGES) as Outage[];
const mainOf = (path: string): string => fileURLToPath(new URL(`../../${path}/main.ts`, import.meta.url));

let folder: string;
let servers: RunServers;
let source: LinkProxy;
let services: Record<'communicator' | 'persistence', OwnProcess>;
let recordFile: string;
let apiUrl: string;
let run: OutageRun;
let verdict: ChaosVerdict;

async function startServices(): Promise<void> {
  const [wsPort = 0, apiPort = 0, gatewayPort = 0] = await freePorts(3);
  const home = (name: string) => ({ PMC_HOME: join(folder, name), PMC_LOG_LEVEL: 'warn' });
  apiUrl = `http://127.0.0.1:${apiPort}`;
  source = await LinkProxy.listen({ host: '127.0.0.1', port: wsPort });
  const schedule = join(folder, 'schedule.yaml');
  writeFileSync(schedule, `phases: [{ seconds: 10000, rate: ${RATE} }]\n`);
  const registry = {
    PMC_REGISTRY_URL: inject('registryUrl'),
    PMC_SCHEMA_CACHE: join(folder, 'schemas'),
    PMC_SPOOL_FOLDER: join(folder, 'spool'),
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
  };
  await servers.startService('chaos-socket', mainOf('producers/chaos-socket'), {
    ...home('chaos-socket'),
    WS_PORT: String(wsPort),
    API_PORT: String(apiPort),
    PMC_CHAOS_SCHEDULE: schedule,
    PMC_CHAOS_SEED: String(SEED),
  });
  services = {
    persistence: await servers.startService('persistence', mainOf('consumers/persistence'), {
      ...home('persistence'),
      ...registry,
    }),
    communicator: await servers.startService('communicator', mainOf('producers/communicator'), {
      ...home('communicator'),
      ...registry,
      PMC_SOURCES: `ws://127.0.0.1:${source.port}`,
      PMC_GATEWAY_PORT: String(gatewayPort),
    }),
  };
}

const sent = async (): Promise<number> => {
  const { sent: count } = (await (await fetch(`${apiUrl}/api/status`)).json()) as { sent: number };
  return count;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-run-'));
  recordFile = join(folder, 'outages.jsonl');
  const [kafka = 0, controller = 0, database = 0] = await freePorts(3);
  servers = await RunServers.start({
    folder,
    artifacts: inject('artifacts'),
    ports: { kafka, controller, database },
    environment: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
  await migrateDatabase(servers.directDatabaseUrl);
  await ensureTopics({ brokers: servers.brokers });
  await startServices();
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThan(RATE), 30_000);

  const plan = planOutages(SEED, {
    lengthMs: 110_000,
    targets: {
      log: { outages: [...ON_PROCESSES, ...ON_LINKS], times: 10 },
      database: { outages: [...ON_PROCESSES, ...ON_LINKS], times: 10 },
      communicator: { outages: ON_PROCESSES, times: 3 },
      persistence: { outages: ON_PROCESSES, times: 3 },
      source: { outages: ON_LINKS, times: 7 },
    },
    forMs: { min: 500, max: 2_500 },
    restMs: 2_000,
  });
  run = await runOutages({
    ...{ run: 'loses-nothing', seed: SEED, plan, clock: systemClock, signal: new AbortController().signal },
    targets: {
      log: partTarget(servers.log),
      database: partTarget(servers.database),
      communicator: partTarget({ process: services.communicator }),
      persistence: partTarget({ process: services.persistence }),
      source: partTarget({ link: source }),
    },
    record: (line) => appendFileSync(recordFile, `${JSON.stringify(line)}\n`),
  });

  // All parts work again. Then quiet: what is on its way arrives, and next to nothing follows.
  const before = await sent();
  // A communicator that was killed, and whose first questions vanished, waits for them to time out and for its earlier self to leave the group.
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThan(before + RATE), 120_000);
  const headers = { 'content-type': 'application/json' };
  await fetch(`${apiUrl}/api/profile`, { method: 'POST', headers, body: '{"profile":"idle"}' });
  await vi
    .waitFor(
      async () => {
        const ledger = await (await fetch(`${apiUrl}/api/ledger`)).text();
        verdict = await compareWithRows(ledger, servers.directDatabaseUrl);
        expect(verdict.unexplained).toBe(0);
      },
      { timeout: 60_000, interval: 1_000 },
    )
    .catch(() => undefined);
}, 400_000);

afterAll(async () => {
  const pids = [servers?.log, servers?.database].map((part) => part?.process.pid ?? 0);
  await servers?.stop();
  await source?.close();
  rmSync(folder, { recursive: true, force: true });
  expect(pids.map(startTimeOf)).toEqual([undefined, undefined]);
});

test('every outage of every part happened once, as planned, and the run is valid', () => {
  expect(run.problems).toEqual([]);
  expect(run).toMatchObject({ isValid: true, planned: 33, fired: 33 });
  const faults = (Object.keys(PARTS) as Part[]).flatMap(faultsOf).filter(({ fault }) => !fault.endsWith('_lossy'));
  const once = { planned: 1, fired: 1 };
  expect(run.faults).toEqual(Object.fromEntries(faults.map(({ fault }) => [fault, once])));
  const { starts } = servers.log.process;
  expect([starts, servers.database.process.starts, services.communicator.starts]).toEqual([3, 3, 3]);
});

test('the record on disk says the same, and one firing less makes it invalid', () => {
  const lines = parseOutageLines(readFileSync(recordFile, 'utf8'));
  const { happened: _happened, failed: _failed, ...verdictOfRun } = run;
  expect(judgeOutages(lines)).toEqual(verdictOfRun);
  const last = lines.findLastIndex(({ line }) => line === 'fired');
  const { isValid, problems } = judgeOutages(lines.filter((_, index) => index !== last));
  expect([isValid, problems]).toEqual([false, [expect.stringContaining('happened 0 times')]]);
});

test('nothing is lost but the ends of broken connections, nothing stored twice, nothing unexplained', async () => {
  expect(verdict.findings.filter(({ explanation }) => explanation === undefined)).toEqual([]);
  expect(verdict).toMatchObject({ unexplained: 0, verdict: 'pass' });
  expect(verdict.frames.sent).toBeGreaterThan(RATE * 100);
  const client = new pg.Client({ connectionString: servers.directDatabaseUrl });
  await client.connect();
  const { rows } = await client.query<{ stored: string }>('select count(*) as stored from message_metadata');
  await client.end();
  const { lost } = verdict.deviations;
  expect(Number(rows[0]?.stored)).toBeGreaterThanOrEqual(verdict.frames.expectedRows - lost.total);
});
