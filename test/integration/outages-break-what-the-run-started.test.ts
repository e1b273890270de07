// Process and network outages on a server of the run's own, seen by a client that dials it through the proxy.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { startTimeOf } from '../../compose/processes/process-identity.ts';
import { LinkProxy } from '../../experiment/faults/link-proxy.ts';
import { LINK_OUTAGES, PROCESS_OUTAGES, planOutages } from '../../experiment/faults/outage-plan.ts';
import { OwnProcess } from '../../experiment/faults/own-process.ts';
import { linkTarget, processTarget, runOutages } from '../../experiment/faults/run-outages.ts';
import { systemClock } from '../../service/clock.ts';
import { freePorts } from '../support/free-ports.ts';

const ECHO = `const server = require('node:net').createServer((peer) => peer.on('error', () => 0).pipe(peer));
process.on('SIGTERM', () => process.exit(0));
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log('ready'));`;

async function echoServer() {
  const [port = 0] = await freePorts(1);
  const own = await OwnProcess.start({
    command: process.execPath,
    args: ['-e', ECHO, String(port)],
    environment: { PATH: process.env['PATH'] },
    ready: async (child) => {
      if (child.stdout === null) throw new Error('the child has no output');
      await once(createInterface({ input: child.stdout }), 'line');
    },
  });
  onTestFinished(() => own.stop());
  const proxy = await LinkProxy.listen({ host: '127.0.0.1', port });
  onTestFinished(() => proxy.close());
  return { own, proxy };
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
  await vi.waitFor(() => expect(first.said()).toBe('hello'));
  proxy.begin('cut');
  await closed(first.socket);
  expect(first.errors).toEqual([]);
  const second = await dial(proxy.port);
  second.socket.write('x');
  await vi.waitFor(() => expect(second.said()).toBe('x'));
  proxy.begin('reset');
  await closed(second.socket);
  expect(second.errors).toEqual(['ECONNRESET']);
  proxy.begin('refuse');
  const refused = connect({ host: '127.0.0.1', port: proxy.port }).on('error', () => undefined);
  await closed(refused);
  proxy.heal();
  const third = await dial(proxy.port);
  third.socket.write('again');
  await vi.waitFor(() => expect(third.said()).toBe('again'));
});

test('bytes come late, and in order', async () => {
  const { proxy } = await echoServer();
  const { socket, said, errors } = await dial(proxy.port);
  proxy.begin('delay', { delayMs: 150 });
  const startMs = performance.now();
  for (const text of ['a', 'b', 'c']) socket.write(text);
  await vi.waitFor(() => expect(said()).toBe('abc'));
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(295);
  proxy.heal();
  expect([errors, socket.readyState]).toEqual([[], 'open']);
});

test.for(['half-open', 'blackhole'] as const)(
  '%s: bytes vanish, the connection stays until it is healed',
  async (outage) => {
    const { proxy } = await echoServer();
    const { socket, said, errors } = await dial(proxy.port);
    socket.write('1');
    await vi.waitFor(() => expect(said()).toBe('1'));
    proxy.begin(outage);
    socket.write('22');
    await vi.waitFor(() => expect(proxy.vanishedBytes).toBe(2));
    expect([said(), socket.readyState]).toEqual(['1', 'open']);
    const gone = closed(socket);
    proxy.heal();
    await gone;
    expect([said(), errors]).toEqual(['1', ['ECONNRESET']]);
  },
);

test('a database behind the link is slow, then down, then there again', async () => {
  const url = new URL(inject('databaseUrl'));
  const proxy = await LinkProxy.listen({ host: url.hostname, port: Number(url.port) });
  onTestFinished(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  const open = async () => {
    const client = new pg.Client({ connectionString: url.href });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const client = await open();
  proxy.begin('delay', { delayMs: 100 });
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
  const { own } = await echoServer();
  const before = own.pid ?? 0;
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

test('a seeded plan is carried out in full, and the run is valid', async () => {
  const { own, proxy } = await echoServer();
  const plan = planOutages(11, {
    lengthMs: 4_000,
    targets: { server: { outages: PROCESS_OUTAGES, times: 3 }, link: { outages: LINK_OUTAGES, times: 5 } },
    forMs: { min: 50, max: 200 },
    restMs: 200,
  });
  const targets = { server: processTarget(own), link: linkTarget(proxy) };
  const run = await runOutages({ plan, targets, clock: systemClock, signal: new AbortController().signal });
  expect(run.failed).toEqual([]);
  expect([run.isValid, run.fired.length]).toEqual([true, 8]);
  for (const { atMs, begunMs } of run.fired) expect(begunMs).toBeGreaterThanOrEqual(atMs - 5);
  const { socket, said } = await dial(proxy.port);
  socket.write('alive');
  await vi.waitFor(() => expect(said()).toBe('alive'));
});
