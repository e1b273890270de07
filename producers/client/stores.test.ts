// One contract for every store (that of pages is shown in test/browser), and what only the file promises.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FileStore } from './file-store.ts';
import { readKept } from './kept.ts';
import { type ClientStore, MemoryStore } from './store.ts';

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'deeper', 'events.db');
}

describe.for<[string, () => () => ClientStore]>([
  [
    'memory',
    () => {
      const store = new MemoryStore();
      return () => store;
    },
  ],
  [
    'a file',
    () => {
      const path = scratchFile();
      return () => new FileStore(path);
    },
  ],
])('a store in %s', ([, place]) => {
  test('gives back what was put there, and nothing that was taken away', async () => {
    const again = place();
    const store = again();
    expect(await store.open()).toEqual(new Map());
    await store.write(
      new Map([
        ['a', '1'],
        ['b', '2'],
        ['c', '\u0000"é\ud83d\ude00'],
      ]),
    );
    await store.write(
      new Map([
        ['a', '1 again'],
        ['b', undefined],
        ['never', undefined],
      ]),
    );
    await store.close();
    const next = again();
    expect(await next.open()).toEqual(
      new Map([
        ['a', '1 again'],
        ['c', '\u0000"é\ud83d\ude00'],
      ]),
    );
    await next.close();
  });
});

describe('a store in a file', () => {
  test('is for one client at a time, and for its owner only', async () => {
    const path = scratchFile();
    const store = new FileStore(path);
    await store.open();
    await expect(new FileStore(path).open()).rejects.toMatchObject({ code: 'PMC_CLIENT_STORE_BUSY' });
    expect(statSync(path).mode & 0o077).toBe(0);
    await store.close();
    const next = new FileStore(path);
    await next.open();
    await next.close();
  });

  test('has what was written when its process was killed, and is free again', async () => {
    const path = scratchFile();
    const module = JSON.stringify(new URL('./file-store.ts', import.meta.url).href);
    const program = `
      const { FileStore } = await import(${module});
      const store = new FileStore(${JSON.stringify(path)});
      await store.open();
      for (let n = 1; ; n++) {
        await store.write(new Map([['counter', String(n)], ['event/' + n, 'text']]));
        if (n === 50) console.log('enough');
      }`;
    const writer = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(writer.stdout, 'data');
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const store = new FileStore(path);
    const entries = await store.open();
    await store.close();
    expect(Number(entries.get('counter'))).toBeGreaterThanOrEqual(50);
    // A batch is there as a whole: the counter, and the event that it counts.
    expect(entries.size).toBe(Number(entries.get('counter')) + 1);
  });

  test('that is something else, or cannot be, says so', async () => {
    const path = scratchFile();
    await new FileStore(path).open().catch(() => undefined);
    const other = join(path, '..', 'other');
    writeFileSync(other, 'This is no database, and long enough to be told from an empty one. '.repeat(20));
    await expect(new FileStore(other).open()).rejects.toMatchObject({
      code: 'PMC_CLIENT_STORE_FAILED',
      message: expect.stringContaining('not a database'),
    });
    await expect(new FileStore(join(other, 'below')).open()).rejects.toMatchObject({ code: 'PMC_CLIENT_STORE_FAILED' });
  });
});

test.for<[string, readonly (readonly [string, string])[], RegExp]>([
  [
    'numbers with a hole',
    [
      ['counter', '{"last":3}'],
      ['event/1', '{}'],
      ['event/3', '{}'],
    ],
    /holes/,
  ],
  ['events without a counter', [['event/1', '{}']], /holes/],
  ['no JSON', [['counter', '{']], /no JSON/],
])('a store with %s is not used', ([, entries, why]) => {
  expect(() => readKept(new Map(entries))).toThrow(why);
});
