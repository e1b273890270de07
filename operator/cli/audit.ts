// `pmc audit run`: one bounded audit of the running stack, or of the servers that the environment names. The verdict is the
// exit code: 0 pass, 3 findings, 8 inconclusive.
import { type Command, InvalidArgumentError } from 'commander';
import { boundedAudit } from '../../consumers/gap-detector/bounded-audit.ts';
import { auditSettings, COVERAGE_MIN } from '../../consumers/gap-detector/config.ts';
import { EXIT_CODE } from '../../consumers/gap-detector/verdict.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openRangeReader } from '../../kafka/connect.ts';
import { systemClock } from '../../service/clock.ts';
import { readSettings } from '../../service/config.ts';
import { checkDatabase, createPool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { auditText } from './audit-text.ts';
import type { Cli } from './cli.ts';
import { type ServerVariable, serverEnvironment } from './server-environment.ts';

const SERVERS: readonly ServerVariable[] = ['PMC_KAFKA_BROKERS', 'PMC_REGISTRY_URL', 'DATABASE_URL'];

interface RunFlags {
  readonly json?: boolean;
  readonly wait: number;
  readonly minCoverage: number;
}

export function addAudit(program: Command, cli: Cli): void {
  program
    .command('audit')
    .description('judge what was lost')
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
    .action((flags: RunFlags) => run(flags, cli));
}

async function run({ json, wait, minCoverage }: RunFlags, cli: Cli): Promise<void> {
  const config = readSettings(serverEnvironment(cli, SERVERS), auditSettings);
  const logger = createLogger('audit', 'silent');
  const clients = { config, clientId: 'pmc-audit', logger };
  const admin = openAdmin(clients);
  const ranges = openRangeReader(clients);
  const pool = createPool(config.databaseUrl, logger);
  const codec = new Codec(config.registryUrl, { cacheFolder: config.schemaCache, logger });
  try {
    await checkDatabase(pool, config.databaseUrl);
    const options = { graceMs: config.graceMs, coverageMin: minCoverage, waitMs: wait * 1_000 };
    const report = await boundedAudit(
      { admin, ranges, pool, codec, clock: systemClock },
      { ...options, onProgress: (text) => void (cli.stderr.isTTY && cli.stderr.write(`\r\u001b[K${text}`)) },
    );
    if (cli.stderr.isTTY) cli.stderr.write('\r\u001b[K');
    cli.stdout.write(json ? `${JSON.stringify(report)}\n` : auditText(report));
    cli.endWith(EXIT_CODE[report.verdict]);
  } finally {
    await Promise.all([admin.stop(), ranges.stop(), pool.end()]);
  }
}

function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}
