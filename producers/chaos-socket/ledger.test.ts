import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AppendFile } from './append-file.ts';
import { Ledger, type LedgerOptions, type SentFrame } from './ledger.ts';

const RUN = '01KAJX5T7Z0000000000000AAA';

async function openLedger(options: Partial<LedgerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'pmc-ledger-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const removed: number[] = [];
  const states: boolean[] = [];
  const ledger = await Ledger.open({
    folder,
    identity: { run: RUN, seed: 7 },
    logger: pino({ level: 'silent' }),
    fileBytesMax: 1_000_000,
    filesMax: 8,
    bufferBytesMax: 1_000_000,
    onFilesRemoved: (files) => removed.push(files),
    onState: (isWritable) => states.push(isWritable),
    ...options,
  });
  return { ledger, folder, removed, states };
}

function frame(n: number): SentFrame {
  const what = { event: 'message', id: `msg_${n}`, chat: 'chat_a', sha256: 'f'.repeat(64) };
  const about = { source: '/', connectionId: 'connection-1', n, origin: 'plan', expect: 'stored' } as const;
  return { ...about, ...what, dueAtMs: n, sentAtMs: n + 5 };
}

async function linesOf(path: string): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

test('a run that ends says until when its ledger goes; one that did nothing leaves no file', async () => {
  const { ledger, folder } = await openLedger();
  ledger.end(9);
  await ledger.flush();
  expect(await readdir(folder)).toEqual([]);
  ledger.append(frame(1));
  ledger.end(Date.parse('2026-01-31T12:00:00Z'));
  await ledger.close();
  const lines = await linesOf(join(folder, `ledger-${RUN}.jsonl`));
  expect(lines.at(-1)).toEqual({ line: 'until', run: RUN, at: '2026-01-31T12:00:00.000Z', ended: true });
});

test('every frame is one line with the run and the seed, its times are in the second file', async () => {
  const { ledger, folder } = await openLedger();
  ledger.append(frame(1));
  ledger.append({ ...frame(2), event: undefined, id: undefined, chat: undefined, origin: 'api' });
  await ledger.close();
  const sha256 = 'f'.repeat(64);
  expect(await linesOf(join(folder, `ledger-${RUN}.jsonl`))).toEqual([
    {
      line: 'sent',
      run: RUN,
      seed: 7,
      source: '/',
      connectionId: 'connection-1',
      n: 1,
      event: 'message',
      id: 'msg_1',
      chat: 'chat_a',
      sha256,
      origin: 'plan',
    },
    { line: 'sent', run: RUN, seed: 7, source: '/', connectionId: 'connection-1', n: 2, sha256, origin: 'api' },
  ]);
  expect((await linesOf(join(folder, `times-${RUN}.jsonl`)))[0]).toEqual({
    connectionId: 'connection-1',
    n: 1,
    id: 'msg_1',
    dueAt: '1970-01-01T00:00:00.001Z',
    sentAt: '1970-01-01T00:00:00.006Z',
  });
});

test('full files are followed by numbered ones, only the newest stay, and removing is counted', async () => {
  const { ledger, folder, removed } = await openLedger({ fileBytesMax: 500, filesMax: 3 });
  for (let n = 1; n <= 50; n++) {
    ledger.append(frame(n));
    if (n % 5 === 0) await ledger.flush();
  }
  const parts = await ledger.parts();
  await ledger.close();
  const names = (await readdir(folder)).toSorted();
  const kept = [10, 8, 9].map((part) => `ledger-${RUN}.${part}.jsonl`);
  expect(names.filter((name) => name.startsWith('ledger-'))).toEqual(kept);
  expect(names.filter((name) => name.startsWith('times-'))).toHaveLength(3);
  expect(removed.reduce((sum, files) => sum + files, 0)).toBe(7);
  expect(parts.map(({ path }) => path)).toEqual([8, 9, 10].map((part) => join(folder, `ledger-${RUN}.${part}.jsonl`)));
  const read = await Promise.all(parts.map(({ path }) => linesOf(path)));
  expect(read.flat().map((line) => line['n'])).toEqual(Array.from({ length: 15 }, (_, index) => 36 + index));
});

test('a run that sent nothing leaves no file and pushes none out', async () => {
  const { ledger, folder } = await openLedger();
  expect(await ledger.parts()).toEqual([]);
  await ledger.close();
  expect(await readdir(folder)).toEqual([]);
});

test('the buffer says when it is full and has room again once its lines are written', async () => {
  const { ledger } = await openLedger({ bufferBytesMax: 1_000 });
  let appended = 0;
  while (ledger.hasRoom) ledger.append(frame(++appended));
  expect(appended).toBeGreaterThan(2);
  expect(appended).toBeLessThan(10);
  await ledger.flush();
  expect(ledger.hasRoom).toBe(true);
  await ledger.close();
});

test('a disk that fails makes the ledger say so and keeps every line for later', async () => {
  const { ledger, states, folder } = await openLedger();
  const full = new Error('no space left on device');
  vi.spyOn(AppendFile.prototype, 'write').mockRejectedValueOnce(full).mockRejectedValueOnce(full);
  onTestFinished(() => void vi.restoreAllMocks());
  ledger.append(frame(1));
  await expect(ledger.flush()).rejects.toThrow('PMC_HOME');
  ledger.append(frame(2));
  await expect(ledger.flush()).rejects.toThrow(folder);
  ledger.append(frame(3));
  await ledger.flush();
  await ledger.close();
  expect(states).toEqual([true, false, false, true]);
  expect((await linesOf(ledger.path)).map((line) => line['n'])).toEqual([1, 2, 3]);
});

test('a folder that cannot be made is one clear error', async () => {
  await expect(openLedger({ folder: '/dev/null/chaos' })).rejects.toMatchObject({ code: 'PMC_CHAOS_LEDGER_FAILED' });
});
