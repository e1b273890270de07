// `pmc audit gaps`: the findings on the audit's books. Reads only the database; exit code 3 when something is lost or wrong,
// 8 when of something nobody can say, else 0. What happened to the log itself is listed for ever, for nothing makes it well, and is in the exit code as
// long as an audit tells of it.
import type { Command } from 'commander';
import { type BookedFinding, bookedFindings, countBooked } from '../../consumers/gap-detector/findings-book.ts';
import { EXIT_CODE, stageVerdict } from '../../consumers/gap-detector/verdict.ts';
import { withAuditDatabase } from './audit-servers.ts';
import { findingLine } from './audit-text.ts';
import type { Cli } from './cli.ts';
import { bookCsv } from './findings-csv.ts';

interface Flags {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly all?: boolean;
}

export function addGaps(audit: Command, cli: Cli): void {
  audit
    .command('gaps')
    .description('list what was found and is not healed; exit code 0 nothing, 3 findings, 8 nobody can say')
    .option('--all', 'the healed ones too')
    .option('--json', 'one JSON document')
    .option('--csv', 'CSV')
    .action(async ({ json, csv, all }: Flags) => {
      const isAll = all ?? false;
      const [book, kinds] = await withAuditDatabase(cli, async (pool) => [
        await bookedFindings(pool, { isAll }),
        await countBooked(pool),
      ]);
      const open = kinds.reduce((sum, one) => sum + one.open, 0);
      const count = kinds.reduce((sum, one) => sum + one.open + (isAll ? one.healed : 0), 0);
      // One that came between the two questions is no less than none.
      const leftOff = Math.max(0, count - book.length);
      const verdict = stageVerdict(kinds.filter((one) => one.told > 0));
      if (json) cli.stdout.write(`${JSON.stringify({ schemaVersion: 1, verdict, open, leftOff, findings: book })}\n`);
      else cli.stdout.write(csv ? bookCsv(book) : bookText(book));
      if (leftOff > 0)
        cli.stderr.write(`${leftOff} more are not listed, none of them heavier than the last one that is\n`);
      cli.endWith(EXIT_CODE[verdict]);
    });
}

function bookText(book: readonly BookedFinding[]): string {
  if (book.length === 0) return 'nothing is open\n';
  return book
    .map(({ state, firstSeenAt, healedAt, finding }) => {
      const times = healedAt === null ? `since ${firstSeenAt}` : `${firstSeenAt}, healed ${healedAt}`;
      return `${state.padEnd(6)} ${findingLine(finding)}  (${times})\n`;
    })
    .join('');
}
