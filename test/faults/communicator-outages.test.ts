// What stands around the gateway breaks while it works: the broker under load, a network that swallows bytes, a disk that is full.
// One real process on one real broker, which is never restarted. In the long form (PMC_FAULTS=long) the broker is away for a minute.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LinkProxy } from '../../experiment/faults/link-proxy.ts';
import { pause } from '../../service/backoff.ts';
import { CountingPeer } from '../support/gateway/counting-peer.ts';
import {
  judgeCounted,
  judgedNumbers,
  judgeTold,
  type LogOfRun,
  NOTHING_WRONG,
} from '../support/gateway/crash-verdict.ts';
import { GatewayBench } from '../support/gateway/gateway-bench.ts';
import { TellingSource } from '../support/gateway/telling-source.ts';
import { unchanging, until } from '../support/gateway/until.ts';
import { IS_LONG } from '../support/log/suite-form.ts';

const OUTAGE_MS = IS_LONG ? 60_000 : 15_000;
const IN_FLIGHT_MAX = 512;
const SPOOL_BYTES_MAX = 2_097_152;
const LOAD_EVERY_MS = 10;
/** A limit, no measure: it takes a ping without its answer, about half a minute. */
const GIVES_UP_MAX_MS = 240_000;

let bench: GatewayBench;
let peers: { stop(): Promise<void> }[];
let loads: NodeJS.Timeout[] = [];

beforeAll(async () => {
  bench = await GatewayBench.start({ PMC_INFLIGHT_MAX: String(IN_FLIGHT_MAX) });
});

afterEach(async () => {
  loads.forEach(clearInterval);
  loads = [];
  await bench.communicator.end('SIGKILL');
  await Promise.all(peers.map((peer) => peer.stop()));
  await bench.forgetTheDead();
});

afterAll(async () => {
  await bench?.stop();
});

/** What every test begins with: a legacy source, a source that counts and a user, all of them connected. */
async function connected(name: string, more: Readonly<Record<string, string>> = {}, contentBytes = 0) {
  const legacy = await TellingSource.start(`legacy-${name}`, contentBytes);
  const source = new CountingPeer({ name: `source-${name}`, chats: 3 });
  const sourceUrl = await source.listen();
  const user = new CountingPeer({ name: `user-${name}`, chats: 3, token: await bench.token(`user-${name}`) });
  peers = [legacy, source, user];
  // A network in front of each, which passes everything until it is told otherwise.
  const networks = await Promise.all(
    [legacy.url, sourceUrl, bench.communicator.usersUrl].map((url) =>
      LinkProxy.listen({ host: '127.0.0.1', port: Number(new URL(url).port) }),
    ),
  );
  peers.push(...networks.map((network) => ({ stop: () => network.close() })));
  const [legacyUrl, countingUrl, usersUrl] = networks.map(({ port }) => `ws://127.0.0.1:${port}`) as [
    string,
    string,
    string,
  ];
  const start = (): void =>
    bench.communicator.start({ PMC_SOURCES: `legacy+${legacyUrl},pmc.v1+${countingUrl}`, ...more });
  start();
  await bench.communicator.ready();
  user.dial(usersUrl);
  await until('everybody is connected', () => legacy.isOpen && source.isOpen && user.isOpen);
  return { legacy, legacyName: new URL(legacyUrl).host, source, user, networks, start };
}

function load(...counting: readonly CountingPeer[]): void {
  const say = (): void => {
    for (const peer of counting) if (peer.sent.length - peer.settledUpTo < 400) peer.say(2);
  };
  loads.push(setInterval(say, LOAD_EVERY_MS));
}

function flow(legacy: TellingSource, frames: number): void {
  loads.push(setInterval(() => legacy.say(frames), LOAD_EVERY_MS));
}

async function working(legacy: TellingSource, counting: readonly CountingPeer[], frames = 2): Promise<void> {
  load(...counting);
  flow(legacy, frames);
  await until('it works', () => counting.every(({ settledUpTo }) => settledUpTo > 100));
}

/** Nothing more is said; what was said has been answered for, and the process has ended as one that left nothing behind. */
async function settled(legacy: TellingSource, ...counting: readonly CountingPeer[]): Promise<LogOfRun> {
  loads.forEach(clearInterval);
  await until('every event is settled', () => counting.every((peer) => peer.isSettled));
  await until('the source is read to its end', () => legacy.bufferedBytes === 0);
  await until('the spool is empty', async () => (await bench.communicator.counter('spoolBytes')) === 0);
  expect(await bench.communicator.end('SIGTERM')).toBe(0);
  return await bench.log();
}

function expectAllThere(
  log: LogOfRun,
  legacy: TellingSource,
  legacyName: string,
  counting: readonly CountingPeer[],
): void {
  const about = bench.communicator.lines.join('\n');
  for (const peer of counting) expect(judgeCounted(peer, log), about).toEqual(NOTHING_WRONG);
  expect(judgeTold(legacyName, legacy, log), about).toEqual(NOTHING_WRONG);
  expect(judgedNumbers(log, Date.now()), about).toMatchObject({ unread: 0, missing: [], crashed: [] });
}

/** The frames of a legacy source that the log does not have. */
function untold(log: LogOfRun, legacy: TellingSource): readonly string[] {
  const texts = new Set([
    ...log.incoming.map(({ value }) => value.payload.toString('utf8')),
    ...log.rejected.map(({ value }) => value.raw.toString('utf8')),
  ]);
  return legacy.told.flat().filter((text) => !texts.has(text));
}

describe('while the broker is away under load', () => {
  test('frames that cannot be sent again go to the disk, peers are told, and nothing is missing afterwards', async () => {
    const { legacy, legacyName, source, user } = await connected('broker');
    await working(legacy, [source, user]);
    await bench.cluster.node(1).kill();
    const awayMs = performance.now();
    await until('it says that it is not ready', async () => {
      const now = await bench.communicator.readiness();
      return now?.ready === false && now.checks['log']?.ready === false;
    });
    const unavailable = (): typeof user.complaints =>
      user.complaints.filter((one) => one.op === 'error' && one.code === 111);
    await until('the user is told', () => unavailable().length > 0);
    expect(unavailable()[0]).toMatchObject({ temporary: true, retry_after_ms: expect.any(Number) });
    await pause(OUTAGE_MS - (performance.now() - awayMs));
    // All of the source's frames were taken, far more than may be in memory; whoever sends again is not read instead.
    await until('far more is on the disk than may be in memory', async () => {
      const {
        framesReceived = 0,
        eventsAppended = 0,
        framesRejected = 0,
        spoolBytes = 0,
      } = (await bench.communicator.readiness())?.facts.counters ?? {};
      return framesReceived - eventsAppended - framesRejected > 2 * IN_FLIGHT_MAX && spoolBytes > 0;
    });
    const told = legacy.toldTotal;
    expect(legacy.bufferedBytes).toBe(0);
    await bench.cluster.node(1).start();
    await until('it is ready again', async () => (await bench.communicator.readiness())?.ready === true);
    const before = user.settledUpTo;
    await until('live traffic goes on', () => user.settledUpTo > before + 100 && legacy.toldTotal > told);
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
    expect(untold(log, legacy)).toEqual([]);
    expect(legacy.told).toHaveLength(1);
  });
});

describe('while the broker is away at the start', () => {
  test('the sources of before are read and wait on the disk, peers are told, and nothing is missing afterwards', async () => {
    const { legacy, legacyName, source, user, start } = await connected('start');
    await working(legacy, [source, user]);
    expect(await bench.communicator.end('SIGTERM')).toBe(0);
    await bench.cluster.node(1).kill();
    const [welcomes, complaints] = [user.welcomes, user.complaints.length];
    start();
    const counter = (name: string): Promise<number> => bench.communicator.counter(name);
    await until('frames wait on the disk', async () => (await counter('framesReceived')) > 4 * IN_FLIGHT_MAX);
    expect(await counter('spoolBytes')).toBeGreaterThan(0);
    expect(await counter('eventsAppended')).toBe(0);
    const { ready, checks } = (await bench.communicator.readiness()) ?? {};
    expect([ready, checks?.['log']?.ready]).toEqual([false, false]);
    // Whoever keeps what it says is told to come back, and is not dialled.
    await until('the user is told', () => user.complaints.length > complaints);
    expect(user.complaints.at(-1)).toMatchObject({ code: 111, temporary: true, retry_after_ms: expect.any(Number) });
    expect(user.closes).toContain(4003);
    expect([user.welcomes, source.isOpen]).toEqual([welcomes, false]);
    await bench.cluster.node(1).start();
    await until('it is ready', async () => (await bench.communicator.readiness())?.ready === true);
    await until('everybody is connected', () => source.isOpen && user.isOpen);
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
    expect(untold(log, legacy)).toEqual([]);
    expect(legacy.told).toHaveLength(2);
  });
});

describe('told to stop while it waits for the log at its start', () => {
  test('it does not wait any longer, and what it has taken waits on the disk for the next one', async () => {
    const { legacy, legacyName, source, user, start } = await connected('stop-waiting');
    await working(legacy, [source, user]);
    expect(await bench.communicator.end('SIGTERM')).toBe(0);
    await bench.cluster.node(1).kill();
    start();
    await until('frames wait on the disk', async () => (await bench.communicator.counter('framesReceived')) > 200);
    // One that still waits for the log is overdue, and says so by its exit code.
    expect(await bench.communicator.end('SIGTERM'), bench.communicator.lines.join('\n')).toBe(0);
    // To the last frame: who is told to stop has time to get it to the disk.
    const taken = bench.spooled();
    expect(taken.length).toBeGreaterThan(200);
    await bench.cluster.node(1).start();
    start();
    await bench.communicator.ready();
    await until('everybody is connected', () => source.isOpen && user.isOpen);
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
    expect(untold(log, legacy)).toEqual([]);
  });
});

describe('a log that goes away after its first answer, before anybody was given a source', () => {
  test('is one that is away: the sources of before are read and wait on the disk', async () => {
    const { legacy, legacyName, source, user, start } = await connected('start-broken-off');
    await working(legacy, [source, user]);
    loads.forEach(clearInterval);
    await until('every event is settled', () => user.isSettled && source.isSettled && legacy.bufferedBytes === 0);
    await until('the spool is empty', async () => (await bench.communicator.counter('spoolBytes')) === 0);
    // A member that is dead and not yet missed holds up the next assignment, which makes the time long in which the log can go away.
    expect(await bench.communicator.end('SIGKILL')).toBe('SIGKILL');
    // What is sent before its end is seen went to nobody.
    await until('its end is seen', () => !legacy.isOpen);
    load(source, user);
    flow(legacy, 2);
    start();
    await until('the log has answered', async () => {
      const now = await bench.communicator.readiness();
      return now?.checks['log']?.ready === true;
    });
    await bench.cluster.node(1).kill();
    await until('frames wait on the disk', async () => (await bench.communicator.counter('framesReceived')) > 200);
    expect(await bench.communicator.counter('eventsAppended')).toBe(0);
    await bench.cluster.node(1).start();
    await until('it is ready', async () => (await bench.communicator.readiness())?.ready === true);
    await until('everybody is connected', () => source.isOpen && user.isOpen);
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
    expect(untold(log, legacy)).toEqual([]);
  });
});

describe('a connection that has died without a word', () => {
  test('is closed with 4004 and dialled again, and nothing that was acknowledged is lost', {
    timeout: 600_000,
  }, async () => {
    const { legacy, legacyName, source, user, networks } = await connected('half-open');
    await working(legacy, [source, user], 1);
    for (const network of networks) network.begin('blackhole');
    const links = async (): Promise<readonly { state: string; lastError?: string }[]> =>
      ((await bench.communicator.readiness())?.facts['sources'] ?? []) as { state: string; lastError?: string }[];
    await until(
      'both sources are given up',
      async () => (await links()).every(({ lastError }) => lastError?.includes('4004') === true),
      GIVES_UP_MAX_MS,
    );
    await until(
      'the user is given up',
      async () => (await bench.communicator.counter('usersConnected')) === 0,
      GIVES_UP_MAX_MS,
    );
    for (const network of networks) network.heal();
    await until('both are there again', () => legacy.told.length > 1 && source.welcomes > 1 && user.welcomes > 1);
    const before = source.settledUpTo;
    await until('it goes on', () => source.settledUpTo > before + 100);
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
  });
});

describe('a spool that is nearly full', () => {
  test('is not read into until there is room: the source waits, and nothing is dropped', async () => {
    const bounds = { PMC_SPOOL_BYTES_MAX: String(SPOOL_BYTES_MAX) };
    const { legacy, legacyName, source, user } = await connected('full', bounds, 2_000);
    load(source, user);
    await until('it works', () => user.settledUpTo > 100 && source.settledUpTo > 100);
    await bench.cluster.node(1).kill();
    // The kernel takes some megabytes of it on the way; then the source itself is stuck with what it says.
    flow(legacy, 10);
    await until('the source is stuck', () => legacy.bufferedBytes > 1_000_000);
    await until(
      'as much is on the disk as may be',
      async () => (await bench.communicator.counter('spoolBytes')) > 0.9 * SPOOL_BYTES_MAX,
    );
    // What had been read before it was paused still gets its numbers.
    const received = await unchanging('framesReceived', () => bench.communicator.counter('framesReceived'));
    const stuckBytes = legacy.bufferedBytes;
    await pause(2_000);
    expect(await bench.communicator.counter('framesReceived')).toBe(received);
    expect(legacy.bufferedBytes).toBeGreaterThanOrEqual(stuckBytes);
    const full = await bench.communicator.counter('spoolBytes');
    expect(full).toBeLessThan(SPOOL_BYTES_MAX + 1_048_576);
    await bench.cluster.node(1).start();
    const log = await settled(legacy, source, user);
    expectAllThere(log, legacy, legacyName, [source, user]);
    expect(untold(log, legacy)).toEqual([]);
    expect(legacy.told).toHaveLength(1);
  });
});
