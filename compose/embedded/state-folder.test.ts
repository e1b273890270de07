import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createStateFolder, stateFolder } from './state-folder.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pmc-folder-'));

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

test('makes what is missing, and keeps secrets to their owner', () => {
  const folder = stateFolder({ home: join(scratch, 'a', 'b'), artifacts: undefined });
  createStateFolder(folder);
  createStateFolder(folder);
  expect(existsSync(folder.logs)).toBe(true);
  expect(statSync(folder.secrets).mode & 0o777).toBe(0o700);
});

test('a folder that cannot be made is one clear line', () => {
  const folder = stateFolder({ home: '/proc/nothing-can-be-made-here', artifacts: undefined });
  expect(() => createStateFolder(folder)).toThrow(/PMC_HOME/);
});
