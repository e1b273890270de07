// A supervisor died holding the lock of its state folder, and many start at once: exactly one may have the folder.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const RUN_LOCK = fileURLToPath(new URL('../../compose/processes/run-lock.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pmc-lock-'));
const lock = join(folder, 'lock');
const STARTERS = 6;
const ROUNDS = 4;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Takes the lock at the given moment and holds it until its input ends. */
const STARTER = `
  import { acquireRunLock } from ${JSON.stringify(RUN_LOCK)};
  process.stdin.resume().on('end', () => process.exit());
  while (Date.now() < Number(process.argv[1])) {}
  try { acquireRunLock(${JSON.stringify(lock)}, 'home'); console.log('has it'); }
  catch (error) { console.log(error.code); }
`;

async function startAtOnce(): Promise<readonly string[]> {
  const atMs = String(Date.now() + 1_500);
  const starters = Array.from({ length: STARTERS }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', STARTER, atMs], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const answers = await Promise.all(
    starters.map(
      (starter) =>
        new Promise<string>((resolve) =>
          starter.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())),
        ),
    ),
  );
  const ended = starters.map((starter) => new Promise((resolve) => starter.once('close', resolve)));
  // They end without releasing it, so the next round finds it stale.
  for (const starter of starters) starter.stdin.end();
  await Promise.all(ended);
  return answers;
}

test('of many starters one takes a stale lock over, and the others are refused', async () => {
  writeFileSync(lock, JSON.stringify({ pid: process.pid, startTime: 'before this process' }));
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = await startAtOnce();
    expect([...answers].sort()).toEqual([
      ...Array.from({ length: STARTERS - 1 }, () => 'PMC_ALREADY_RUNNING'),
      'has it',
    ]);
  }
  expect(readdirSync(folder)).toEqual(['lock']);
});

test('a lock that cannot be read is stale', async () => {
  writeFileSync(lock, 'half a li');
  expect((await startAtOnce()).filter((answer) => answer === 'has it')).toHaveLength(1);
  expect(JSON.parse(readFileSync(lock, 'utf8'))).toMatchObject({ pid: expect.any(Number) });
});
