// `pmc chaos verdict LEDGER EXPORT`: what the simulator sent beside what was stored. Needs no server; the verdict is the
// exit code: 0 pass, 3 something is unexplained, 8 inconclusive.
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { EXIT_CODE } from '../../consumers/gap-detector/verdict.ts';
import { ExportReading, LedgerReading } from '../../producers/chaos-socket/verdict/comparison.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
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
  const ledger = new LedgerReading();
  for (const file of ledgers) {
    await read(file, 'PMC_CHAOS_LEDGER_UNREADABLE', (portion) => ledger.push(portion));
    ledger.endFile();
  }
  const rows = new ExportReading(ledger.sent);
  await read(exported, 'PMC_CHAOS_EXPORT_UNREADABLE', (portion) => rows.push(portion));
  return rows.end();
}

async function read(
  file: string,
  code: 'PMC_CHAOS_LEDGER_UNREADABLE' | 'PMC_CHAOS_EXPORT_UNREADABLE',
  take: (portion: string) => void,
): Promise<void> {
  try {
    for await (const portion of createReadStream(file, 'utf8') as AsyncIterable<string>) take(portion);
  } catch (error) {
    if (error instanceof PmcError) throw error;
    throw new PmcError(code, `${file} cannot be read`, { file }, { cause: error });
  }
}
