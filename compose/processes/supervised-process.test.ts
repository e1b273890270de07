import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Children } from './children.ts';
import { SupervisedProcess } from './supervised-process.ts';

/** A process that says when it is up, and does this when it is asked to end. */
function newProcess(onStop: string): SupervisedProcess {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-supervised-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const children = new Children({ registerFile: join(folder, 'processes.json'), logsFolder: folder });
  const script = `${onStop}; console.error('error: it waits'); process.send('up'); setInterval(() => undefined, 1_000);`;
  const supervised = new SupervisedProcess({
    name: 'server',
    launch: () =>
      children.start({
        name: 'server',
        stage: 'service',
        command: process.execPath,
        args: ['-e', script],
        environment: {},
        cwd: folder,
        ipc: true,
      }),
    whenReady: async (child) => await new Promise((resolve) => child.process.once('message', () => resolve(undefined))),
  });
  onTestFinished(async () => {
    await supervised.stop({ deadlineMs: 0 });
    await children.close({ deadlineMs: 0 });
  });
  return supervised;
}

async function running(supervised: SupervisedProcess): Promise<void> {
  supervised.start();
  await supervised.whenState('running');
}

test.for([
  ['ends with an error', "process.on('SIGTERM', () => process.exit(1))", 60_000, 'exit code 1'],
  ['has to be killed', "process.on('SIGTERM', () => undefined)", 0, 'SIGKILL'],
] as const)('a stop of what %s is known as failed, once', async ([, onStop, deadlineMs, reason]) => {
  const supervised = newProcess(onStop);
  await running(supervised);
  const exit = { reason, lastLine: 'error: it waits' };
  expect(await supervised.stop({ deadlineMs })).toEqual(exit);
  expect(supervised.status).toMatchObject({ state: 'stopped', lastExit: exit });
  expect(await supervised.stop()).toBeUndefined();
});

test.for([
  ['drains', "process.on('SIGTERM', () => process.exit(0))"],
  ['is ended by the signal', ''],
  ['says so by its exit code, as Java does', "process.on('SIGTERM', () => process.exit(143))"],
] as const)('a stop of what %s is none that failed', async ([, onStop]) => {
  const supervised = newProcess(onStop);
  await running(supervised);
  expect(await supervised.stop({ deadlineMs: 60_000 })).toBeUndefined();
  expect(supervised.status).toMatchObject({ state: 'stopped', lastExit: null });
});

test('a stop that went well does not repeat what went wrong with the one before', async () => {
  const failsOnce =
    "const { existsSync, writeFileSync } = require('node:fs'); const code = existsSync('was-here') ? 0 : 1";
  const supervised = newProcess(
    `${failsOnce}; writeFileSync('was-here', ''); process.on('SIGTERM', () => process.exit(code))`,
  );
  await running(supervised);
  expect(await supervised.stop({ deadlineMs: 60_000 })).toMatchObject({ reason: 'exit code 1' });
  await running(supervised);
  expect(await supervised.stop({ deadlineMs: 60_000 })).toBeUndefined();
  expect(supervised.status.lastExit).toMatchObject({ reason: 'exit code 1' });
});
