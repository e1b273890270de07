// `pmc audit report`: an audit as a document that can be cited: one HTML file that needs no network, JSON, or CSV of its findings.
// Takes the newest audit on the books, or the one that is named.
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { bookedReport } from '../../consumers/gap-detector/findings-book.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { auditDocument } from '../../consumers/gap-detector/report-document.ts';
import { EXIT_CODE } from '../../consumers/gap-detector/verdict.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { PmcError } from '../../service/errors.ts';
import { reportPage } from './audit-report-page.ts';
import { type AuditServers, withAuditServers } from './audit-servers.ts';
import { auditText } from './audit-text.ts';
import type { Cli } from './cli.ts';
import { findingsCsv } from './findings-csv.ts';

interface Flags {
  readonly html?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly run?: string;
}

const SETTINGS = [
  'min.insync.replicas',
  'flush.messages',
  'flush.ms',
  'unclean.leader.election.enable',
  'retention.ms',
];

export function addReport(audit: Command, cli: Cli): void {
  audit
    .command('report')
    .description('an audit as one document: balance, loss with its interval, gaps on a timeline, versions, settings')
    .option('--run <id>', 'the audit of this id instead of the newest `pmc audit run`')
    .option('--html <file>', 'write one self-contained HTML file')
    .addOption(new Option('--json', 'the document as JSON (docs/audit-report.schema.json)').conflicts('csv'))
    .option('--csv', 'its findings as CSV')
    .action(async (flags: Flags) => {
      await withAuditServers(cli, (servers) => write(flags, servers, cli));
    });
}

async function write({ html, json, csv, run }: Flags, servers: AuditServers, cli: Cli): Promise<void> {
  const { pool, clock, config, admin } = servers;
  const wanted = run === undefined ? { mode: 'run' as const } : { runId: run };
  const report = (await bookedReport(pool, wanted)) ?? (run === undefined ? await bookedReport(pool, {}) : undefined);
  if (report === undefined) {
    const which = run === undefined ? 'no audit is on the books yet; `pmc audit run` makes one' : `no audit ${run}`;
    throw new PmcError('PMC_AUDIT_NO_REPORT', which, { run });
  }
  const topic = report.perPartition[0]?.topic;
  const { rows } = await pool.query<{ version: string }>(`select current_setting('server_version') as version`);
  const document = auditDocument(report, {
    generatedAtMs: clock.nowMs(),
    command: `pmc audit run --json --min-coverage ${report.coverageMin}`,
    versions: {
      'personal-message-center': packageJson.version,
      node: process.versions.node,
      postgresql: rows[0]?.version ?? 'unknown',
      'log client': `append ${config.appenderClient}, read ${config.readerClient}`,
    },
    durability: topic === undefined ? {} : await durabilityOf(admin, topic),
  });
  if (html !== undefined) {
    try {
      writeFileSync(html, reportPage(document));
    } catch (cause) {
      throw new PmcError('PMC_AUDIT_REPORT_UNWRITABLE', `the report cannot be written to ${html}`, { html }, { cause });
    }
    cli.stderr.write(`written to ${html}\n`);
  }
  if (json) cli.stdout.write(`${JSON.stringify(document)}\n`);
  else if (csv) writeCsv(report, cli);
  else if (html === undefined) cli.stdout.write(auditText(report));
  cli.endWith(EXIT_CODE[report.verdict]);
}

function writeCsv({ findings, findingsLeftOff }: AuditReport, cli: Cli): void {
  cli.stdout.write(findingsCsv(findings));
  if (findingsLeftOff > 0) cli.stderr.write(`${findingsLeftOff} more are left off: \`pmc audit run --json\` has all\n`);
}

/** What an acknowledgement is worth: a kill of a process is not a loss of power. */
async function durabilityOf(admin: AuditServers['admin'], topic: string): Promise<Readonly<Record<string, string>>> {
  const [[description], settings] = await Promise.all([admin.topics([topic]), admin.topicSettings(topic)]);
  const replicas = description?.partitions.map((one) => one.replicas) ?? [];
  return {
    topic,
    acks: 'all in-sync replicas',
    'replication factor': replicas.length === 0 ? 'unknown' : String(Math.min(...replicas)),
    ...Object.fromEntries(SETTINGS.map((name) => [name, settings[name] ?? 'unknown'])),
  };
}
