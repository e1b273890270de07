// `pmc audit drill`: tests the detector on the real servers with planted faults, in scratch topics and tables that it removes
// again. Exit code 0 when everything planted was found and nothing else was, else 3.
import type { Command } from 'commander';
import { DRILL_RECORDS, drill } from '../../consumers/gap-detector/drill/drill.ts';
import { openAppender } from '../../kafka/connect.ts';
import { ScratchTopics } from '../../kafka/scratch-topics.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { drillText } from './audit-drill-text.ts';
import { progressOf, wholeFrom, withAuditServers } from './audit-servers.ts';
import type { Cli } from './cli.ts';

/** Between the two looks of the drill's own audits; nothing else writes to its tables. */
const GRACE_MS = 500;
const RECORDS_MAX = 1_000_000;
const FINDINGS_EXIT = 3;

interface Flags {
  readonly json?: boolean;
  readonly seed: number;
  readonly records: number;
}

export function addDrill(audit: Command, cli: Cli): void {
  audit
    .command('drill')
    .description('test the detector with planted faults in scratch topics and tables; exit code 0 all found, 3 not so')
    .option('--json', 'recall, precision (0 to 1) and every case as one JSON document')
    .option('--seed <number>', 'where the faults lie', wholeFrom(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--records <count>', 'about how many events lie around them', wholeFrom(1, RECORDS_MAX), DRILL_RECORDS)
    .action(async (flags: Flags) => run(flags, cli));
}

async function run({ json, seed, records }: Flags, cli: Cli): Promise<void> {
  await withAuditServers(cli, async ({ admin, ranges, codec, clock, config, clients, logger }) => {
    await codec.prepare(Object.values(TOPIC));
    const topics = new ScratchTopics(config, clients.clientId);
    try {
      const { databaseUrl } = config;
      const servers = { admin, ranges, codec, clock, topics, databaseUrl, logger };
      const options = { seed, records, graceMs: GRACE_MS, onProgress: progressOf(cli) };
      const report = await drill({ ...servers, openAppender: () => openAppender(clients) }, options);
      cli.stdout.write(json ? `${JSON.stringify(report)}\n` : drillText(report));
      cli.endWith(report.isPassed ? 0 : FINDINGS_EXIT);
    } finally {
      await topics.stop();
    }
  });
}
