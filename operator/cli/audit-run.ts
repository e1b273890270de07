// `pmc audit run`: one bounded audit of the running stack, or of the servers that the environment names. The verdict is the
// exit code: 0 pass, 3 findings, 8 inconclusive.
import type { Command } from 'commander';
import { storeFindings, storeReport } from '../../consumers/gap-detector/audit-store.ts';
import { boundedAudit } from '../../consumers/gap-detector/bounded-audit.ts';
import { COVERAGE_MIN } from '../../consumers/gap-detector/config.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { EXIT_CODE } from '../../consumers/gap-detector/verdict.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { numberFrom, progressOf, withAuditServers } from './audit-servers.ts';
import { auditText } from './audit-text.ts';
import type { Cli } from './cli.ts';

interface RunFlags {
  readonly json?: boolean;
  readonly wait: number;
  readonly minCoverage: number;
  readonly contentOnly?: boolean;
}

export function addRun(audit: Command, cli: Cli): void {
  audit
    .command('run')
    .description(
      'judge everything from the log start offset to the settled watermark; exit code 0 pass, 3 findings, 8 inconclusive',
    )
    .option('--json', 'the whole report as one JSON document')
    .option('--wait <seconds>', 'wait until what is on the log now has settled', numberFrom(0, 86_400), 0)
    .option(
      '--min-coverage <share>',
      'judged share below which the verdict is inconclusive',
      numberFrom(0, 1),
      COVERAGE_MIN,
    )
    .option('--content-only', 'compare the texts of the rows alone, not their derived columns: faster')
    .action((flags: RunFlags) => run(flags, cli));
}

async function run({ json, wait, minCoverage, contentOnly = false }: RunFlags, cli: Cli): Promise<void> {
  await withAuditServers(cli, async ({ config, ...tools }) => {
    const options = { graceMs: config.graceMs, coverageMin: minCoverage, waitMs: wait * 1_000 };
    const found = await boundedAudit(
      { ...tools, outgoing: TOPIC.outgoing, isContentOnly: contentOnly },
      { ...options, onProgress: progressOf(cli) },
    );
    const report = await keep(tools.pool, found, contentOnly);
    if (json) for (const part of wholeJson(report)) cli.stdout.write(part);
    else cli.stdout.write(auditText(report));
    cli.endWith(EXIT_CODE[report.verdict]);
  });
}

/** On the books of the audit, beside what the running one writes there; what it looked at and found well is healed. */
async function keep(pool: Pool, report: AuditReport, isContentOnly: boolean): Promise<AuditReport> {
  const options = { isComplete: report.suspect === 0, isContentOnly };
  const kept = { ...report, healed: await storeFindings(pool, report, options) };
  await storeReport(pool, kept);
  return kept;
}

/** One document, part by part: as one text it could be longer than any may be. */
function* wholeJson({ findings, healed, ...others }: AuditReport): Iterable<string> {
  yield `${JSON.stringify(others).slice(0, -1)},"findings":[`;
  yield* elements(findings);
  yield '],"healed":[';
  yield* elements(healed);
  yield ']}\n';
}

function* elements(all: readonly object[]): Iterable<string> {
  for (const [index, one] of all.entries()) yield `${index === 0 ? '' : ','}${JSON.stringify(one)}`;
}
