// `pmc audit explain ID`: what became of one message, stage by stage. Exit code 0 all is well, 3 something is missing, 8 nobody
// can say.
import type { Command } from 'commander';
import { explain } from '../../consumers/gap-detector/explain.ts';
import type { Life } from '../../consumers/gap-detector/life.ts';
import { EXIT_CODE, worst } from '../../consumers/gap-detector/verdict.ts';
import { progressOf, withAuditServers } from './audit-servers.ts';
import { findingLine } from './audit-text.ts';
import type { Cli } from './cli.ts';

export function addExplain(audit: Command, cli: Cli): void {
  audit
    .command('explain')
    .description("tell one message's whole life, with evidence and latencies; exit code 0, 3 missing, 8 nobody can say")
    .argument(
      '<id>',
      "an event's id, its event key, topic-partition@offset (the topic may be left out), or a reply's id",
    )
    .option('--json', 'one JSON document')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const lives = await withAuditServers(cli, (servers) => explain(servers, id, progressOf(cli)));
      const verdict = lives.length === 0 ? 'inconclusive' : worst(lives.map((life) => life.verdict));
      cli.stdout.write(json ? `${JSON.stringify({ schemaVersion: 1, asked: id, verdict, lives })}\n` : lifeText(lives));
      cli.endWith(EXIT_CODE[verdict]);
    });
}

function lifeText(lives: readonly Life[]): string {
  if (lives.length === 0) return 'nothing is known of it: no row, no finding, and no record on the log\n';
  return lives
    .map(({ place, eventKey, stages, findings, verdict }) => {
      const { topic, partition, offset } = place;
      return `${[
        `${topic}-${partition}@${offset}${eventKey === null ? '' : `, event key ${eventKey}`}: ${verdict}`,
        ...stages.map(({ stage, state, at, latencyMs, evidence }) => {
          const when = at === null ? '' : ` at ${at}${latencyMs === null ? '' : ` (+${latencyMs} ms)`}`;
          return `  ${stage.padEnd(10)} ${state.padEnd(8)} ${evidence}${when}`;
        }),
        ...findings.flatMap((finding) => [
          `  finding: ${findingLine(finding)}`,
          ...(finding.coincident ?? []).map((event) => `    beside it: ${event}`),
        ]),
      ].join('\n')}\n`;
    })
    .join('\n');
}
