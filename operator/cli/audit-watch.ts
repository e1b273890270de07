// `pmc audit watch`: follows the running audit, a line whenever its verdict or its findings change. Ends with Ctrl-C, or after
// --seconds with the last verdict as exit code.
import type { Command } from 'commander';
import { bookedReport } from '../../consumers/gap-detector/findings-book.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { EXIT_CODE, findingKey } from '../../consumers/gap-detector/verdict.ts';
import { pause } from '../../service/backoff.ts';
import { systemClock } from '../../service/clock.ts';
import { wholeFrom, withAuditDatabase } from './audit-servers.ts';
import { findingLine } from './audit-text.ts';
import type { Cli } from './cli.ts';

const POLL_MS = 1_000;

interface Flags {
  readonly json?: boolean;
  readonly seconds?: number;
}

export function addWatch(audit: Command, cli: Cli): void {
  audit
    .command('watch')
    .description('follow the running audit: a line whenever its verdict or its findings change')
    .option('--json', 'one JSON document a line')
    .option('--seconds <count>', 'end after so long, with the last verdict as exit code', wholeFrom(1, 86_400))
    .action(async ({ json, seconds }: Flags) => {
      const endMs = seconds === undefined ? Number.POSITIVE_INFINITY : systemClock.nowMs() + seconds * 1_000;
      await withAuditDatabase(cli, async (pool) => {
        let before: AuditReport | undefined;
        do {
          const report = await bookedReport(pool, { mode: 'live' });
          if (report !== undefined && report.runId !== before?.runId) {
            const lines = changesOf(before, report, json ?? false);
            if (lines !== '') cli.stdout.write(lines);
            before = report;
          }
          await pause(POLL_MS);
        } while (systemClock.nowMs() < endMs);
        cli.endWith(EXIT_CODE[before?.verdict ?? 'inconclusive']);
      });
    });
}

/** What a report says that the one before did not; nothing where that is the same. How many it leaves off is part of it. */
export function changesOf(before: AuditReport | undefined, now: AuditReport, asJson: boolean): string {
  const known = new Set(before?.findings.map(findingKey));
  const fresh = now.findings.filter((finding) => !known.has(findingKey(finding)));
  const { finishedAt, verdict, coverage, suspect, healed, findingsLeftOff } = now;
  const leftOffBefore = before?.findingsLeftOff ?? 0;
  const isSame = before?.verdict === verdict && fresh.length === 0 && healed.length === 0;
  if (isSame && findingsLeftOff === leftOffBefore) return '';
  if (asJson) {
    const head = { schemaVersion: 1, finishedAt, verdict, coverage, suspect };
    return `${JSON.stringify({ ...head, findings: fresh, findingsLeftOff, healed })}\n`;
  }
  const head = `${finishedAt} ${verdict} (coverage ${(coverage * 100).toFixed(2)} %, ${suspect} suspect)`;
  return [
    head,
    ...fresh.map((finding) => `  ${findingLine(finding)}`),
    ...(findingsLeftOff === leftOffBefore
      ? []
      : [`  ${findingsLeftOff} lighter ones are not listed: \`pmc audit run --json\` has all`]),
    ...healed.map(({ finding }) => `  healed ${findingLine(finding)}`),
    '',
  ].join('\n');
}
