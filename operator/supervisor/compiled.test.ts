import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { plainEnvironment } from '../../test/support/plain-environment.ts';
import { sweepCompiled } from './compiled.ts';

function scratchFolder(...names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-compiled-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of names) {
    mkdirSync(join(folder, name));
    for (let n = 0; n < 50; n += 1) writeFileSync(join(folder, name, String(n)), 'compiled');
  }
  return folder;
}

test('what other versions compiled goes, whoever sweeps with us; what is not of Node stays', async () => {
  const own = ['v24.21.0-x64-964aae3f-0', 'v24.21.0-x64-00000001-10000000', 'v24.21.0-arm64-964aae3f'];
  const others = ['v24.20.0-x64-964aae3f-0', 'v22.18.0-x64-0badcafe', 'v25.0.0-nightly20260101-x64-964aae3f-0'];
  const strangers = ['v1', 'notes', 'v24.20.0-mine'];
  const folder = scratchFolder(...own, ...others, ...strangers);
  await Promise.all([1, 2, 3].map(() => sweepCompiled(folder, 'v24.21.0')));
  expect(readdirSync(folder).toSorted()).toEqual([...own, ...strangers].toSorted());
});

test('what this Node compiles now is its own', async () => {
  const folder = scratchFolder();
  const program = join(folder, 'program.mjs');
  writeFileSync(program, 'export const one = 1;');
  const environment = { ...plainEnvironment(), NODE_COMPILE_CACHE: folder };
  expect(spawnSync(process.execPath, [program], { env: environment }).status).toBe(0);
  const made = readdirSync(folder);
  expect(made).toHaveLength(2);
  await sweepCompiled(folder);
  expect(readdirSync(folder)).toEqual(made);
  await sweepCompiled(folder, 'v0.0.1');
  expect(readdirSync(folder)).toEqual(['program.mjs']);
});

test('where nothing was compiled yet there is nothing to sweep', async () => {
  await sweepCompiled(join(scratchFolder(), 'none'));
});
