import { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { startTimeOf } from '../../service/process-identity.ts';
import { Children } from './children.ts';
import { LOG_SIZE_MAX_BYTES } from './log-file.ts';
import { readRegister } from './process-register.ts';

const LIVES = {
  name: 'server',
  stage: 'service',
  command: process.execPath,
  args: ['-e', 'setInterval(() => undefined, 1_000)'],
  environment: {},
} as const;

let folder: string;
let registerFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pmc-children-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'run'));
  registerFile = join(folder, 'run', 'processes.json');
});

function newChildren(): { children: Children; notes: string[] } {
  const notes: string[] = [];
  const children = new Children({ registerFile, logsFolder: join(folder, 'logs'), note: (line) => notes.push(line) });
  onTestFinished(async () => await children.close({ deadlineMs: 0 }));
  return { children, notes };
}

/** As on a full disk, nothing can be written beside the register. */
function registerCannotBeWritten(): void {
  rmSync(join(folder, 'run'), { recursive: true });
}

test('a log that cannot be moved is told once and grows on, and what writes it goes on', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const { children, notes } = newChildren();
  const { logFile } = children.start(LIVES);
  truncateSync(logFile, LOG_SIZE_MAX_BYTES + 1);
  mkdirSync(`${logFile}.1`);
  vi.advanceTimersByTime(30_000);
  expect(notes).toEqual([expect.stringContaining(`${logFile} cannot be written: `)]);
  // Nor does it keep a process from being started again.
  expect(children.start(LIVES).pid).toBeDefined();
  rmSync(`${logFile}.1`, { recursive: true });
  vi.advanceTimersByTime(10_000);
  truncateSync(logFile, LOG_SIZE_MAX_BYTES + 1);
  rmSync(`${logFile}.1`);
  mkdirSync(`${logFile}.1`);
  vi.advanceTimersByTime(10_000);
  expect(notes).toHaveLength(2);
});

test('a child that ends while the register cannot be written is told, and the next entry sets it right', async () => {
  const { children, notes } = newChildren();
  const child = children.start(LIVES);
  registerCannotBeWritten();
  expect(await child.end({ deadlineMs: 0 })).toMatchObject({ succeeded: false });
  expect(notes).toEqual([expect.stringMatching(/^the register of processes cannot be written: .*ENOENT/)]);
  mkdirSync(join(folder, 'run'));
  const next = children.start(LIVES);
  expect(readRegister(registerFile).map(({ pid }) => pid)).toEqual([next.pid]);
});

test('a child that cannot be registered does not live on', async () => {
  const { children } = newChildren();
  let spawned: ChildProcess | undefined;
  const onSpawn = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('process' in message)) return;
    if (message.process instanceof ChildProcess) spawned = message.process;
  };
  subscribe('child_process', onSpawn);
  onTestFinished(() => void unsubscribe('child_process', onSpawn));
  onTestFinished(() => void spawned?.kill('SIGKILL'));
  registerCannotBeWritten();
  expect(() => children.start(LIVES)).toThrow(/ENOENT/);
  const pid = spawned?.pid ?? 0;
  expect(pid).toBeGreaterThan(0);
  await children.close({ deadlineMs: 60_000 });
  expect(startTimeOf(pid)).toBeUndefined();
});
