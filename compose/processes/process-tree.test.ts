import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { below, parseParent, signalTree } from './process-tree.ts';

/** A process takes a signal when it gets its turn. */
const PATIENCE_MS = 20_000;

test('a tree is all that a process has started, parents first, and nobody else', () => {
  const parents = new Map([
    [1, 0],
    [40, 30],
    [20, 1],
    [30, 20],
    [31, 20],
    [99, 1],
  ]);
  expect(below(20, parents)).toEqual([30, 31, 40]);
  expect(below(99, parents)).toEqual([]);
  // A cycle cannot be, and must not hang.
  const cycle = [5, 6].map((pid) => [pid, 11 - pid] as const);
  expect(below(5, new Map(cycle))).toEqual([6]);
});

test.for<[string, number | undefined]>([
  ['7 (a b) c) S 3 7 7 0', 3],
  ['7 (dead) Z 3 7 7 0', undefined],
  ['', undefined],
])('%j', ([stat, parent]) => expect(parseParent(stat)).toBe(parent));

test.runIf(process.platform === 'linux')('a stop reaches those that lead groups of their own', async () => {
  const PARENT = `require('node:child_process').spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).on('spawn', function () {
    console.log(this.pid) });
    setInterval(() => 0, 1000);`;
  const parent = spawn(process.execPath, ['-e', PARENT], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = Number(line.toString());
  const pids = [parent.pid ?? 0, child];
  onTestFinished(() => void signalTree(parent.pid ?? 0, 'SIGKILL'));
  const states = () => pids.map((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]);
  expect(signalTree(parent.pid ?? 0, 'SIGSTOP')).toEqual(pids);
  await vi.waitFor(() => expect(states()).toEqual(['T', 'T']), PATIENCE_MS);
  expect(signalTree(parent.pid ?? 0, 'SIGCONT')).toEqual(pids);
  await vi.waitFor(() => expect(states()).not.toContain('T'), PATIENCE_MS);
});
