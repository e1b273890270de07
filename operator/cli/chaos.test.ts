import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { csvLine } from '../../producers/chaos-socket/verdict/csv.ts';
import { ROW_COLUMNS } from '../../producers/chaos-socket/verdict/exported-row.ts';
import { addChaos } from './chaos.ts';
import type { Cli } from './cli.ts';

const HASH = 'a'.repeat(64);
const LEDGER = `${JSON.stringify({
  ...{ line: 'sent', run: 'r', seed: 1, source: '/', connectionId: 'connection-1', n: 1, event: 'message' },
  ...{ id: 'm1', chat: 'c', sha256: HASH, origin: 'plan' },
})}\n`;
const ROW = [HASH, 'm1', 'message', 'c', '127.0.0.1:4001', '', '', '', 'uuid', '0', '0', ''];
const EXPORT = csvLine(ROW_COLUMNS) + csvLine(ROW);

async function verdictOf(files: Record<string, string>, names: readonly string[], flags: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'pmc-verdict-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  let stdout = '';
  let exitCode = -1;
  const out = { write: (text: string) => (stdout += text) } as unknown as NodeJS.WriteStream;
  const cli: Cli = { environment: {}, stdout: out, stderr: out, endWith: (code) => (exitCode = code) };
  const program = new Command('pmc').exitOverride().configureOutput({ writeErr: () => undefined });
  addChaos(program, cli);
  await program.parseAsync(['chaos', 'verdict', ...flags, ...names.map((name) => join(folder, name))], {
    from: 'user',
  });
  return { stdout, exitCode };
}

test('a ledger and its rows pass; a row too few is an exit code of 3', async () => {
  const files = { 'ledger.jsonl': LEDGER, 'rows.csv': EXPORT, 'none.csv': csvLine(ROW_COLUMNS) };
  expect(await verdictOf(files, ['ledger.jsonl', 'rows.csv'])).toMatchObject({ exitCode: 0 });
  const { stdout, exitCode } = await verdictOf(files, ['ledger.jsonl', 'none.csv'], ['--json']);
  expect(exitCode).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, verdict: 'fail', unexplained: 1 });
});

test('several files are one ledger, and an audit will do instead of rows', async () => {
  const second = LEDGER.replace('"n":1', '"n":2').replace('m1', 'm2').replaceAll('a'.repeat(64), 'b'.repeat(64));
  const accounts = { settled: 2, stored: 2, altered: 0, missing: 0, extra: 0 };
  const audit = JSON.stringify({ runId: 'x', verdict: 'pass', accounts });
  const files = { '1.jsonl': LEDGER, '2.jsonl': second, 'audit.json': audit };
  expect(await verdictOf(files, ['1.jsonl', '2.jsonl', 'audit.json'])).toMatchObject({ exitCode: 0 });
  // It may count what others have sent.
  const { stdout, exitCode } = await verdictOf(files, ['1.jsonl', 'audit.json']);
  expect([exitCode, stdout]).toEqual([
    8,
    expect.stringContaining('audit x counts 1 rows more than the ledger can have'),
  ]);
});

test.for<[string, string]>([
  ['PMC_CHAOS_LEDGER_UNREADABLE', 'rows.csv missing.jsonl rows.csv'],
  ['PMC_CHAOS_LEDGER_UNREADABLE', 'missing.jsonl rows.csv'],
  ['PMC_CHAOS_EXPORT_UNREADABLE', 'ledger.jsonl missing.csv'],
  ['PMC_CHAOS_EXPORT_UNREADABLE', 'ledger.jsonl ledger.jsonl'],
  ['PMC_CHAOS_EXPORT_UNREADABLE', 'ledger.jsonl empty'],
])('%s: %s', async ([code, names]) => {
  const files = { 'ledger.jsonl': LEDGER, 'rows.csv': EXPORT, empty: '' };
  await expect(verdictOf(files, names.split(' '))).rejects.toMatchObject({ code });
});
