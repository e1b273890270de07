// Process and network outages on a server of the run's own, seen by a client that dials it through the proxy.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { Children } from '../../compose/processes/children.ts';
import { tailOf } from '../../compose/processes/log-file.ts';
import { LinkProxy, type LinkSettings } from '../../experiment/faults/link-proxy.ts';
import { planOutages } from '../../experiment/faults/outage-plan.ts';
import { LINK_OUTAGES, type LinkOutage, PROCESS_OUTAGES, type ProcessOutage } from '../../experiment/faults/outages.ts';
import { OwnProcess } from '../../experiment/faults/own-process.ts';
import { partTarget, runOutages } from '../../experiment/faults/run-outages.ts';
import { systemClock } from '../../service/clock.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import { freePorts } from '../support/free-ports.ts';

const WITHIN = { timeout: 60_000, interval: 50 };
const ECHO = `const server = require('node:net').createServer((peer) => peer.on('error', () => 0).pipe(peer));
process.on('SIGTERM', () => process.exit(0));
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log('echo is up'));`;

async function echoServer(settings: Partial<LinkSettings> = {}, first = '') {
  const [port = 0] = await freePorts(1);
  const folder = mkdtempSync(join(tmpdir(), 'pmc-outages-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const children = new Children({ registerFile: join(folder, 'processes.json'), logsFolder: folder });
  onTestFinished(() => children.close({ deadlineMs: 1_000 }));
  const environment = { PATH: process.env['PATH'] };
  const spec = {
    name: 'echo',
    stage: 'service',
    command: process.execPath,
    args: ['-e', first + ECHO, String(port), folder],
  } as const;
  const own = await OwnProcess.start(children, {
    launch: () => children.start({ ...spec, environment }),
    whenReady: ({ logFile, logFromByte }, signal) =>
      vi.waitFor(() => {
        if (!signal.aborted) expect(tailOf(logFile, logFromByte)).toContain('echo is up');
      }, WITHIN),
    stopDeadlineMs: 1_000,
  });
  const proxy = await LinkProxy.listen({ host: '127.0.0.1', port }, settings);
  onTestFinished(() => proxy.close());
  return { own, proxy, port, folder, register: children.register };
}

async function dial(port: number) {
  const socket = connect({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  const errors: string[] = [];
  const heard: string[] = [];
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
  socket.on('data', (chunk) => heard.push(chunk.toString()));
  await once(socket, 'connect');
  return { socket, errors, said: () => heard.join('') };
}

/** However it ends. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

test('a link passes everything, is cut or reset, and refuses until it is healed', async () => {
  const { proxy } = await echoServer();
  const first = await dial(proxy.port);
  first.socket.write('hello');
  await vi.waitFor(() => expect(first.said()).toBe('hello'), WITHIN);
  proxy.begin('cut');
  await closed(first.socket);
  expect(first.errors).toEqual([]);
  const second = await dial(proxy.port);
  second.socket.write('x');
  await vi.waitFor(() => expect(second.said()).toBe('x'), WITHIN);
  proxy.begin('reset');
  await closed(second.socket);
  expect(second.errors).toEqual(['ECONNRESET']);
  proxy.begin('refuse');
  const refused = connect({ host: '127.0.0.1', port: proxy.port }).on('error', () => undefined);
  await closed(refused);
  proxy.heal();
  const third = await dial(proxy.port);
  third.socket.write('again');
  await vi.waitFor(() => expect(third.said()).toBe('again'), WITHIN);
});

test('bytes come late, and in order', async () => {
  const { proxy } = await echoServer({ delayMs: 150 });
  const { socket, said, errors } = await dial(proxy.port);
  proxy.begin('delay');
  const startMs = performance.now();
  for (const text of ['a', 'b', 'c']) socket.write(text);
  await vi.waitFor(() => expect(said()).toBe('abc'), WITHIN);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(295);
  proxy.heal();
  expect([errors, socket.readyState]).toEqual([[], 'open']);
});

test('what was said before both sides said goodbye arrives, however late', async () => {
  const { proxy } = await echoServer({ delayMs: 150 });
  const { socket, said, errors } = await dial(proxy.port);
  proxy.begin('delay');
  const gone = closed(socket);
  socket.end('last words');
  await gone;
  expect([said(), errors, proxy.vanishedBytes]).toEqual(['last words', [], 0]);
});

test('a thin line lets few bytes pass, holds few, and gives up what it held when it is healed', async () => {
  const { proxy } = await echoServer({ bytesPerSecond: 20_000 });
  const { socket, said } = await dial(proxy.port);
  proxy.begin('throttle');
  const large = 'x'.repeat(24 * 1_048_576);
  const startMs = performance.now();
  socket.write(large);
  await vi.waitFor(() => expect(said().length).toBeGreaterThan(0), WITHIN);
  expect(said().length / 20_000).toBeLessThanOrEqual((performance.now() - startMs) / 1_000);
  // The sender feels it: the kernel's buffers and the proxy's are full, and the rest has not left this process.
  expect(socket.writableLength).toBeGreaterThan(0);
  proxy.heal();
  await vi.waitFor(() => expect(said().length).toBe(large.length), WITHIN);
});

test.for(['half-open', 'blackhole'] as const)(
  '%s: bytes vanish, the connection stays until it is healed',
  async (outage) => {
    const { proxy } = await echoServer();
    const { socket, said, errors } = await dial(proxy.port);
    socket.write('1');
    await vi.waitFor(() => expect(said()).toBe('1'), WITHIN);
    proxy.begin(outage);
    socket.write('22');
    await vi.waitFor(() => expect(proxy.vanishedBytes).toBe(2), WITHIN);
    expect([said(), socket.readyState]).toEqual(['1', 'open']);
    const gone = closed(socket);
    proxy.heal();
    await gone;
    expect([said(), errors]).toEqual(['1', ['ECONNRESET']]);
  },
);

test('a database behind the link is slow, then down, then there again', async () => {
  const url = new URL(inject('databaseUrl'));
  const proxy = await LinkProxy.listen({ host: url.hostname, port: Number(url.port) }, { delayMs: 100 });
  onTestFinished(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  const open = async () => {
    const client = new pg.Client({ connectionString: url.href });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const client = await open();
  proxy.begin('delay');
  const startMs = performance.now();
  await client.query('select 1');
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(195);
  proxy.begin('refuse');
  await expect(client.query('select 1')).rejects.toThrow();
  await expect(open()).rejects.toThrow();
  proxy.heal();
  const again = await open();
  expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await again.end();
});

test('a process of the run is killed, frozen and restarted; what has ended cannot be signalled', async () => {
  const { own, register } = await echoServer();
  const before = own.pid ?? 0;
  expect(register.entries).toMatchObject([{ name: 'echo', pid: before }]);
  await own.begin('freeze');
  expect(own.isRunning).toBe(true);
  await own.heal('freeze');
  await own.begin('kill');
  expect([own.isRunning, startTimeOf(before)]).toEqual([false, undefined]);
  await expect(own.begin('freeze')).rejects.toThrow('has ended');
  await own.heal('kill');
  expect([own.isRunning, own.starts]).toEqual([true, 2]);
  expect(own.pid).not.toBe(before);
  await own.begin('restart');
  await own.heal('restart');
  expect(own.starts).toBe(3);
});

test('a process whose port is taken while it is away is started again, not for ever', async () => {
  const { own, port } = await echoServer();
  await own.begin('kill');
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  const healed = own.heal('kill');
  await vi.waitFor(() => expect(own.failedStarts).toEqual([expect.stringContaining('exit code 1')]), WITHIN);
  squatter.close();
  await healed;
  expect([own.isRunning, own.starts]).toEqual([true, 2]);
  await own.begin('kill');
  squatter.listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  onTestFinished(() => void squatter.close());
  await expect(own.heal('kill')).rejects.toThrow('exit code 1');
  expect([own.isRunning, own.starts, own.failedStarts.length]).toEqual([false, 2, 3]);
});

test('a process that ends at its start for another reason is not started again', async () => {
  const check = "if (require('node:fs').existsSync(process.argv[2] + '/bad')) throw new Error('a bad spool');";
  const { own, folder } = await echoServer({}, check);
  await own.begin('kill');
  writeFileSync(join(folder, 'bad'), '');
  await expect(own.heal('kill')).rejects.toThrow('exit code 1');
  expect(own.failedStarts).toEqual([]);
});

test('a seeded plan is carried out in full, and the run is valid', async () => {
  const { own, proxy } = await echoServer();
  const ofLink = (Object.keys(LINK_OUTAGES) as LinkOutage[]).filter((outage) => outage !== 'loss');
  const ofProcess = Object.keys(PROCESS_OUTAGES) as ProcessOutage[];
  const plan = planOutages(11, {
    lengthMs: 4_900,
    targets: { server: { outages: ofProcess, times: 3 }, link: { outages: ofLink, times: 7 } },
    forMs: { min: 50, max: 200 },
    restMs: 200,
  });
  const targets = { server: partTarget({ process: own }), link: partTarget({ link: proxy }) };
  const { signal } = new AbortController();
  const run = await runOutages({ run: 'test', seed: 11, plan, targets, clock: systemClock, signal });
  expect(run).toMatchObject({ isValid: true, planned: 10, fired: 10, problems: [], failed: [] });
  for (const { atMs, begunMs } of run.happened) expect(begunMs).toBeGreaterThanOrEqual(atMs - 5);
  const { socket, said } = await dial(proxy.port);
  socket.write('alive');
  await vi.waitFor(() => expect(said()).toBe('alive'), WITHIN);
});
