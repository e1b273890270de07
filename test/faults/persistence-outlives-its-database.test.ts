// Persistence under load while its database is stopped, is full, or breaks connections between a commit and its answer, and while the
// members of its group come and go without end; on a broker and a database of this file's own. Each time it waits and says so, and in
// the end rows and duplicates are the offsets of the log exactly, nothing is quarantined and nothing is counted twice.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { postgresAccount } from '../../compose/embedded/postgres-account.ts';
import { superuserUrlOf } from '../../compose/embedded/postgres-server.ts';
import { RunServers } from '../../experiment/run-servers.ts';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { migrateDatabase } from '../../schemas/database/migrate.ts';
import { pause } from '../../service/backoff.ts';
import { CommitCuttingProxy, type Ending, type Side } from '../support/commit-cutting-proxy.ts';
import { freePorts } from '../support/free-ports.ts';
import { IS_LONG } from '../support/log/suite-form.ts';
import { asAdmin } from '../support/scratch-database.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { StoredLoad } from '../support/stored-load.ts';

const STOPPED_MS = IS_LONG ? 60_000 : 15_000;
const STORM_MS = IS_LONG ? 240_000 : 25_000;
const MEMBER_LIVES_MS = 2_000;
const ENDS_MIN = 6;
const CUTS_EACH = IS_LONG ? 50 : 4;
const FULL_MS = 3_000;
const ROOM_BYTES = 4 * 1_048_576;
const LOAD_PAUSE_MS = 100;
const WITHIN = { timeout: 90_000, interval: 200 };
const LIMIT = { timeout: 180_000 + STOPPED_MS + STORM_MS };
const CLEAN = { code: 0, signal: null };

let folder: string;
let servers: RunServers;
let databasePort: number;
let load: StoredLoad;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-outlives-'));
  const [kafka = 0, controller = 0, port = 0] = await freePorts(3);
  databasePort = port;
  servers = await RunServers.start({
    folder,
    artifacts: inject('artifacts'),
    ports: { kafka, controller, database: port },
    environment: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
  await migrateDatabase(servers.directDatabaseUrl);
  await ensureTopics({ brokers: servers.brokers });
  const { brokers, directDatabaseUrl: databaseUrl } = servers;
  load = await StoredLoad.open({ brokers, registryUrl: inject('registryUrl'), databaseUrl });
});
afterAll(async () => {
  await load?.[Symbol.asyncDispose]();
  await servers?.stop();
  spawnSync('umount', ['--lazy', smallDisk()]);
  rmSync(folder, { recursive: true, force: true });
});

const smallDisk = (): string => join(folder, 'small');
const mount = (...args: readonly string[]): boolean => spawnSync('mount', args).status === 0;

async function wholeInTheEnd(services: readonly ServiceProcess[]): Promise<void> {
  await load.settled(services);
  for (const service of services) expect(await service.stop()).toEqual(CLEAN);
  await load.expectWholeBooks();
}

async function untilStored(more: number): Promise<void> {
  const { accounted: before } = await load.accounted();
  await vi.waitFor(async () => expect((await load.accounted()).accounted).toBeGreaterThan(before + more), WITHIN);
}

test(`a database that is stopped for ${STOPPED_MS / 1_000} s under load`, LIMIT, async () => {
  const services = [load.service(), load.service()];
  load.begin(LOAD_PAUSE_MS);
  await untilStored(500);
  await servers.database.process.begin('restart');
  const onLog = await load.onLog();
  await pause(STOPPED_MS);
  // The load has gone on, and both have waited.
  expect(await load.onLog()).toBeGreaterThan(onLog + 500);
  for (const { log } of services) expect(log).toContain('persistence.store.retry');
  await servers.database.process.heal('restart');
  await untilStored(500);
  await wholeInTheEnd(services);
});

test('connections that break between a commit and its answer, committed or not', LIMIT, async () => {
  const proxy = await CommitCuttingProxy.listen(databasePort);
  const url = new URL(servers.directDatabaseUrl);
  url.port = String(proxy.port);
  const wanted = (['copy before', 'copy after', 'commit before', 'commit after'] as const).map((name) => name);
  const passed = { copy: 0, commit: 0 };
  // Two of three pass, so that the work goes on; the sides take turns.
  proxy.onCommit = (ending: Ending): Side | undefined => {
    passed[ending] += 1;
    const sides = (['before', 'after'] as const).filter(
      (side) => (proxy.cuts.get(`${ending} ${side}`) ?? 0) < CUTS_EACH,
    );
    return passed[ending] % 3 === 0 ? sides[passed[ending] % sides.length] : undefined;
  };
  const service = load.service({ DATABASE_URL: url.href });
  try {
    load.begin(LOAD_PAUSE_MS, { isAllNew: true });
    await vi.waitFor(() => {
      const lacking = wanted.filter((name) => (proxy.cuts.get(name) ?? 0) < CUTS_EACH);
      if (lacking.length > 0) throw new Error(`not yet: ${lacking.join(', ')}\n${service.log.slice(-2_000)}`);
    }, WITHIN);
    await wholeInTheEnd([service]);
  } finally {
    await proxy.close();
  }
});

test('three members that come and go without end', LIMIT, async () => {
  const members = [load.service(), load.service(), load.service()];
  load.begin(LOAD_PAUSE_MS);
  await untilStored(500);
  const ends: unknown[] = [];
  const until = Date.now() + STORM_MS;
  for (let turn = 0; turn < ENDS_MIN || Date.now() < until; turn += 1) {
    const leaving = members[turn % members.length] as ServiceProcess;
    // One goes in order, the next one without a word.
    ends.push(await leaving.stop(turn % 2 === 0 ? 'SIGTERM' : 'SIGKILL'));
    members[turn % members.length] = load.service();
    await pause(MEMBER_LIVES_MS);
  }
  expect(ends).toContainEqual(CLEAN);
  expect(ends).toContainEqual({ code: null, signal: 'SIGKILL' });
  await wholeInTheEnd(members);
});

// Last: the table stays where it was put. Only root may mount a small file system.
test.skipIf(process.getuid?.() !== 0)('a database without room for another row', LIMIT, async () => {
  const [{ size } = { size: 0 }] = (
    await load.pool.query<{ size: number }>(`select pg_table_size('message_metadata')::int as size`)
  ).rows;
  mkdirSync(smallDisk());
  const { uid = 0, gid = 0 } = postgresAccount([folder]).user ?? {};
  const owner = `uid=${uid},gid=${gid},mode=700`;
  expect(mount('-t', 'tmpfs', '-o', `size=${size + ROOM_BYTES},${owner}`, 'tmpfs', smallDisk())).toBe(true);
  const superuser = new URL(superuserUrlOf(join(folder, 'secrets'), databasePort));
  superuser.pathname = new URL(servers.directDatabaseUrl).pathname;
  await asAdmin(superuser.href, async (client) => {
    await client.query(`create tablespace small location '${smallDisk()}'`);
    await client.query('alter table message_metadata set tablespace small');
  });
  const services = [load.service(), load.service()];
  load.begin(LOAD_PAUSE_MS / 4);
  await vi.waitFor(() => {
    for (const { log } of services) expect(log).toContain('"sqlState":"53100"');
  }, WITHIN);
  await pause(FULL_MS);
  const [before, onLog] = [await load.accounted(), await load.onLog()];
  await pause(FULL_MS);
  // Whatever little room there is goes to the last rows that fit; the log grows all the while.
  expect(await load.onLog()).toBeGreaterThan(onLog);
  expect((await load.accounted()).accounted - before.accounted).toBeLessThan((await load.onLog()) - onLog);
  expect((await fetch(`${services[0]?.healthUrl}/ready`)).status).toBe(503);
  expect((await load.pool.query('select from quarantine')).rowCount).toBe(0);
  expect(mount('-o', `remount,size=${size + 64 * ROOM_BYTES},${owner}`, smallDisk())).toBe(true);
  await untilStored(500);
  await wholeInTheEnd(services);
});
