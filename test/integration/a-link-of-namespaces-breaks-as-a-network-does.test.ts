// A link of network namespaces, where this machine allows one: packets vanish, and TCP sends them again when the link is back. Where
// it allows none, or not every way to break it, the reason is asked for and must be one.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Children } from '../../compose/processes/children.ts';
import { tailOf } from '../../compose/processes/log-file.ts';
import type { NamespaceSettings } from '../../experiment/faults/namespace-commands.ts';
import { NamespaceLink } from '../../experiment/faults/namespace-link.ts';
import { planOutages } from '../../experiment/faults/outage-plan.ts';
import { OwnProcess } from '../../experiment/faults/own-process.ts';
import { partTarget, runOutages } from '../../experiment/faults/run-outages.ts';
import { systemClock } from '../../service/clock.ts';

const MODULE = new URL('../../experiment/faults/namespace-link.ts', import.meta.url).href;
const PORT = 4_000;
/** Says on its output what it is told, and echoes it. */
const ECHO = `require('node:net').createServer((peer) => peer.on('error', () => 0).on('data', (data) => {
  console.log('told ' + data.length); peer.write(data); })).listen(${PORT}, () => console.log('ready'));`;

const support = await NamespaceLink.support();
const can = support.isAvailable ? support.outages : [];

async function namespaces(): Promise<string> {
  const [names, links] = await Promise.all(
    [
      ['netns', 'list'],
      ['-o', 'link'],
    ].map((args) => promisify(execFile)('ip', args)),
  );
  return `${names?.stdout}${links?.stdout}`;
}

/** TCP waits longer after each packet that was lost. */
const WITHIN = { timeout: 60_000, interval: 20 };
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, WITHIN);

async function echoBehind(settings: Partial<NamespaceSettings> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-namespace-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const link = await NamespaceLink.open('test', settings);
  onTestFinished(() => link.close());
  const children = new Children({ registerFile: join(folder, 'processes.json'), logsFolder: folder });
  onTestFinished(() => children.close({ deadlineMs: 1_000 }));
  const environment = { PATH: process.env['PATH'] };
  const program = link.inside(process.execPath, ['-e', ECHO]);
  const own = await OwnProcess.start(children, {
    launch: () => children.start({ name: 'echo', stage: 'service', ...program, environment }),
    whenReady: ({ logFile, logFromByte }) =>
      vi.waitFor(() => expect(tailOf(logFile, logFromByte)).toContain('ready'), WITHIN),
    stopDeadlineMs: 1_000,
  });
  const told = () => readFileSync(join(folder, 'echo.log'), 'utf8').match(/told/g)?.length ?? 0;
  const socket = connect({ host: link.host, port: PORT });
  onTestFinished(() => void socket.destroy());
  const heard: string[] = [];
  const errors: string[] = [];
  socket
    .on('data', (chunk) => heard.push(chunk.toString()))
    .on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
  await once(socket, 'connect');
  return { link, own, told, socket, errors, said: () => heard.join('') };
}

test('what cannot be had here is said, with the reason', () => {
  if (!support.isAvailable) expect(support.why).toMatch(/\w{4}/);
  else {
    for (const { outage, why } of support.lacking)
      expect([outage, why]).toEqual([outage, expect.stringMatching(/\w{4}/)]);
    expect([...support.outages, ...support.lacking.map(({ outage }) => outage)].toSorted()).toEqual([
      'blackhole',
      'delay',
      'half-open',
      'loss',
      'reset',
      'throttle',
    ]);
  }
});

describe.skipIf(!support.isAvailable)('a link of namespaces', () => {
  test.runIf(can.includes('blackhole'))(
    'black hole: nothing arrives and nobody is told; then TCP sends it again',
    async () => {
      const { link, told, socket, said, errors } = await echoBehind();
      socket.write('1');
      await eventually(() => expect(said()).toBe('1'));
      await link.begin('blackhole');
      socket.write('22');
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect([told(), said(), socket.readyState]).toEqual([1, '1', 'open']);
      await link.heal();
      await eventually(() => expect(said()).toBe('122'));
      expect(errors).toEqual([]);
    },
  );

  test.runIf(can.includes('half-open'))(
    'half open: what it is told arrives, what it says does not, until it is healed',
    async () => {
      const { link, told, socket, said } = await echoBehind();
      socket.write('1');
      await eventually(() => expect(said()).toBe('1'));
      await link.begin('half-open');
      socket.write('22');
      await eventually(() => expect(told()).toBe(2));
      expect(said()).toBe('1');
      await link.heal();
      await eventually(() => expect(said()).toBe('122'));
    },
  );

  test.runIf(can.includes('reset'))('reset: connections break at both ends, and the part still listens', async () => {
    const { link, socket, said, errors } = await echoBehind();
    socket.write('1');
    await eventually(() => expect(said()).toBe('1'));
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await link.begin('reset');
    await gone;
    expect(errors).toEqual(['ECONNRESET']);
    const next = connect({ host: link.host, port: PORT });
    onTestFinished(() => void next.destroy());
    await once(next, 'connect');
  });

  test.runIf(can.includes('throttle'))('a thin line lets few bytes pass, and all of them', async () => {
    const { link, socket, said } = await echoBehind({ bytesPerSecond: 50_000 });
    await link.begin('throttle');
    const startMs = performance.now();
    const large = 'x'.repeat(100_000);
    socket.write(large);
    await eventually(() => expect(said()).toHaveLength(large.length));
    expect(performance.now() - startMs).toBeGreaterThan(1_000);
  });

  test.runIf(can.includes('delay'))('a slow line: an answer takes twice the delay', async () => {
    const { link, socket, said } = await echoBehind({ delayMs: 100 });
    await link.begin('delay');
    const startMs = performance.now();
    socket.write('1');
    await eventually(() => expect(said()).toBe('1'));
    expect(performance.now() - startMs).toBeGreaterThan(195);
  });

  test.runIf(can.includes('loss'))('a lossy line: everything arrives, in order', async () => {
    const { link, socket, said } = await echoBehind({ lossPercent: 10 });
    await link.begin('loss');
    const text = Array.from({ length: 200 }, (_, n) => `${n} `);
    for (const word of text) socket.write(word);
    await vi.waitFor(() => expect(said()).toBe(text.join('')), 60_000);
  });

  test('a seeded plan breaks it in every way there is, and the run is valid', async () => {
    const { link, own, socket } = await echoBehind();
    socket.destroy();
    const plan = planOutages(3, {
      lengthMs: 6_000,
      targets: { part: { outages: [...can, 'freeze'], times: can.length + 1 } },
      forMs: { min: 50, max: 200 },
      restMs: 300,
    });
    const targets = { part: partTarget({ link, process: own }) };
    const { signal } = new AbortController();
    const run = await runOutages({ run: 'test', seed: 3, plan, targets, clock: systemClock, signal });
    expect(run).toMatchObject({ isValid: true, fired: can.length + 1, problems: [] });
  });

  test('nothing is left of it, and what a killed process has left goes with the next link', async () => {
    const program = `const { NamespaceLink } = await import(${JSON.stringify(MODULE)});
      console.log((await NamespaceLink.open('killed')).line.near);
      setInterval(() => 0, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const near = String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim();
    const mine = `pmc-link-${child.pid}-`;
    // Another one's link is left alone while that one runs.
    const first = await NamespaceLink.open('test');
    expect(await namespaces()).toContain(mine);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const second = await NamespaceLink.open('test');
    const left = await namespaces();
    expect([left.includes(mine), left.includes(near)]).toEqual([false, false]);
    await first.close();
    await second.close();
    expect(await namespaces()).not.toContain(`pmc-link-${process.pid}-`);
  });
});
