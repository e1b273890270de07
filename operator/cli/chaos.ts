// `pmc chaos verdict LEDGER EXPORT`: what the simulator sent beside what was stored. Needs no server; the verdict is the
// exit code: 0 pass, 3 something is unexplained, 8 inconclusive.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { EXIT_CODE } from '../../consumers/gap-detector/verdict.ts';
import { judgeCounts } from '../../producers/chaos-socket/verdict/audit-counts.ts';
import { CsvReader } from '../../producers/chaos-socket/verdict/csv.ts';
import { type ExportedRow, RowReader } from '../../producers/chaos-socket/verdict/exported-row.ts';
import { type LedgerLine, parseLedgerLine } from '../../producers/chaos-socket/verdict/ledger-line.ts';
import { type ChaosVerdict, judge } from '../../producers/chaos-socket/verdict/verdict.ts';
import { verdictText } from '../../producers/chaos-socket/verdict/verdict-text.ts';
import { PmcError } from '../../service/errors.ts';
import type { Cli } from './cli.ts';

export function addChaos(program: Command, cli: Cli): void {
  program
    .command('chaos')
    .description('the simulator')
    .command('verdict')
    .description(
      'compare what the simulator sent with what was stored; exit code 0 pass, 3 unexplained, 8 inconclusive',
    )
    .argument('<ledger...>', 'the files of one run, oldest first (ledger-….jsonl), then the export')
    .usage('[--json] LEDGER… EXPORT')
    .addHelpText('after', '\nEXPORT is the CSV of `pmc rows export` or the JSON of `pmc audit run --json`.')
    .option('--json', 'the whole verdict, with every finding, as one JSON document')
    .action(async (files: string[], { json }: { json?: boolean }, command: Command) => {
      const exported = files.at(-1);
      if (exported === undefined || files.length < 2) command.error('error: give a ledger and an export');
      const verdict = await compare(files.slice(0, -1), exported ?? '');
      cli.stdout.write(json ? `${JSON.stringify({ schemaVersion: 1, ...verdict })}\n` : verdictText(verdict));
      cli.endWith(EXIT_CODE[verdict.verdict]);
    });
}

async function compare(ledgers: readonly string[], exported: string): Promise<ChaosVerdict> {
  const lines: LedgerLine[] = [];
  for (const file of ledgers) await readLedger(file, lines);
  const content = await readExport(exported);
  return 'rows' in content ? judge(lines, content.rows) : judgeCounts(lines, content.report);
}

async function readLedger(file: string, lines: LedgerLine[]): Promise<void> {
  let lineNumber = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      lineNumber += 1;
      if (text !== '') lines.push(parseLedgerLine(text, lineNumber));
    }
  } catch (error) {
    throw error instanceof PmcError ? error : unreadable('PMC_CHAOS_LEDGER_UNREADABLE', file, error);
  }
}

/** A report of an audit begins with a brace; everything else must be CSV. */
async function readExport(file: string): Promise<{ rows: readonly ExportedRow[] } | { report: unknown }> {
  const rows: ExportedRow[] = [];
  const csv = new CsvReader();
  const reader = new RowReader();
  let report = '';
  try {
    for await (const portion of createReadStream(file, 'utf8') as AsyncIterable<string>) {
      if (report !== '' || (portion.startsWith('{') && rows.length === 0)) report += portion;
      else for (const record of csv.push(portion)) rows.push(...present(reader.read(record)));
    }
    if (report !== '') return { report: JSON.parse(report) as unknown };
    for (const record of csv.end()) rows.push(...present(reader.read(record)));
    reader.end();
    return { rows };
  } catch (error) {
    throw error instanceof PmcError ? error : unreadable('PMC_CHAOS_EXPORT_UNREADABLE', file, error);
  }
}

function present<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function unreadable(code: 'PMC_CHAOS_LEDGER_UNREADABLE' | 'PMC_CHAOS_EXPORT_UNREADABLE', file: string, cause: unknown) {
  return new PmcError(code, `${file} cannot be read`, { file }, { cause });
}
