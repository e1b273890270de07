// `pmc replay --missing`: reads exactly the offsets that an audit found missing again, and stores them through persistence's own
// sink. No group is touched and nothing is stopped. A dry run unless --execute is given. Exit code 0 all are accounted for, 4
// the log has forgotten some of them, 6 some are still missing, 7 the registry or the database was away for a minute.
import type { Command } from 'commander';
import { missingRanges } from '../../consumers/gap-detector/findings-book.ts';
import { openSink } from '../../consumers/persistence/sink.ts';
import type { LogRecord, TopicDescription } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { type MissingPlan, missingPlan, type ReplayRange, sizeOf } from '../replay/missing-plan.ts';
import { type AuditServers, clearLine, progressOf, withAuditServers } from './audit-servers.ts';
import type { Cli } from './cli.ts';
import { asOperator } from './operator-action.ts';

const REFUSED_EXIT = 4;
const PARTIAL_EXIT = 6;

interface Flags {
  readonly missing?: boolean;
  readonly execute?: boolean;
  readonly json?: boolean;
}

export function addReplay(program: Command, cli: Cli): void {
  program
    .command('replay')
    .description('store again what an audit found missing; a dry run unless --execute is given')
    .requiredOption('--missing', 'the offsets that are missing on the audit’s books (`pmc audit gaps`)')
    .option('--execute', 'do it')
    .option('--json', 'the plan, and with --execute the outcome, as one JSON document')
    .action((flags: Flags) => withAuditServers(cli, (servers) => replay(flags, servers, cli)));
}

type ReplayServers = Pick<AuditServers, 'codec' | 'clock' | 'logger' | 'pool'> & {
  readonly admin: Pick<AuditServers['admin'], 'topics' | 'ends'>;
  readonly ranges: Pick<AuditServers['ranges'], 'read'>;
  readonly config: Pick<AuditServers['config'], 'databaseUrl'>;
};

export async function replay(
  { execute = false, json = false }: Flags,
  servers: ReplayServers,
  cli: Cli,
): Promise<void> {
  const { admin, pool, config } = servers;
  const [topic] = (await admin.topics([TOPIC.incoming])) as [TopicDescription];
  const starts = new Map(
    [...(await admin.ends(topic.topic))].map(([partition, { logStart }]) => [partition, logStart]),
  );
  const plan = missingPlan(await missingRanges(pool, topic.topic), topic.incarnation, starts);
  let accounted: number | undefined;
  const count = (offsets: number): void => void (accounted = (accounted ?? 0) + offsets);
  const done = () =>
    accounted === undefined
      ? undefined
      : `pmc replay --missing --execute: ${accounted} of ${plan.offsets} offsets accounted for`;
  const tell = (): void => {
    const stored = execute ? (accounted ?? 0) : null;
    const document = { schemaVersion: 1, topic: topic.topic, executed: execute, ...asJson(plan), stored };
    cli.stdout.write(json ? `${JSON.stringify(document)}\n` : planText(topic.topic, plan, stored));
  };
  if (execute) {
    const action = { databaseUrl: config.databaseUrl, subject: topic.topic, done };
    await asOperator(action, cli, (signal) => execution(servers, topic, plan, { cli, signal, count }).finally(tell));
  } else tell();
  if (execute && (accounted ?? 0) < plan.offsets) cli.endWith(PARTIAL_EXIT);
  else if (plan.unrecoverable.length > 0) cli.endWith(REFUSED_EXIT);
}

interface Watch {
  readonly cli: Cli;
  readonly signal: AbortSignal;
  readonly count: (offsets: number) => void;
}

/** Counts how many of the planned offsets are a row, a duplicate, in quarantine or purged afterwards: the sink brings nothing back that was. */
async function execution(
  { ranges, pool, codec, clock, logger }: ReplayServers,
  topic: TopicDescription,
  { ranges: wanted }: MissingPlan,
  { cli, signal, count }: Watch,
): Promise<void> {
  const onProgress = progressOf(cli);
  const onWaiting = (text: string): void => {
    clearLine(cli);
    cli.stderr.write(`pmc: ${text}\n`);
  };
  const sink = openSink({ pool, codec, clock, logger, groupId: 'pmc-replay', onWaiting });
  for (const { partition, lower, upper } of wanted) {
    onProgress(`storing ${topic.topic}-${partition} from ${lower} to ${upper - 1n}`);
    const at = { topic: topic.topic, partition };
    let from = lower;
    // As it goes: the work may end in the middle of a range, and most often there is only one.
    const countUpTo = async (end: bigint): Promise<void> => {
      const part = { partition, lower: from, upper: end };
      from = end;
      if (part.lower < end) count(await accountedFor(pool, topic.incarnation, part));
    };
    for await (const entries of ranges.read(at, lower, upper, signal)) {
      const records = entries.flatMap((entry): LogRecord[] => (entry.kind === 'record' ? [entry.record] : []));
      const last = entries.at(-1);
      if (last === undefined || records.length === 0) continue;
      await sink({ ...at, incarnation: topic.incarnation, generation: 0, records, highWatermark: upper, signal });
      await countUpTo(offsetOf(last) + 1n);
    }
    await countUpTo(upper);
  }
}

async function accountedFor(
  pool: AuditServers['pool'],
  incarnation: string,
  { partition, lower, upper }: ReplayRange,
): Promise<number> {
  const where = 'incarnation = $1 and partition = $2 and record_offset >= $3 and record_offset < $4';
  const { rows } = await pool.query<{ count: string }>(
    `select count(*) from (
       select record_offset from message_metadata where ${where}
       union select record_offset from duplicates where status = 'open' and ${where}
       union select record_offset from quarantine where status = 'open' and ${where}
       union select generate_series(greatest(lower_offset, $3), least(upper_offset, $4) - 1) from purged
         where incarnation = $1 and partition = $2 and lower_offset < $4 and upper_offset > $3) as accounted`,
    [incarnation, partition, String(lower), String(upper)],
  );
  return Number(rows[0]?.count ?? 0);
}

function asJson({ ranges, offsets, unrecoverable, ended }: MissingPlan) {
  const plain = ({ partition, lower, upper }: ReplayRange) => ({
    partition,
    from: Number(lower),
    to: Number(upper) - 1,
  });
  return { offsets, ended, ranges: ranges.map(plain), unrecoverable: unrecoverable.map(plain) };
}

function planText(topic: string, plan: MissingPlan, stored: number | null): string {
  const line = (what: string) => (range: ReplayRange) =>
    `  ${what} ${topic}-${range.partition} from ${range.lower} to ${range.upper - 1n}`;
  return `${[
    stored === null
      ? `${plan.offsets} missing offsets can be stored again${plan.offsets > 0 ? '; add --execute to do it' : ''}`
      : `${stored} of ${plan.offsets} offsets are accounted for now; \`pmc audit run\` judges them anew`,
    ...plan.ranges.map(line('read')),
    ...plan.unrecoverable.map(line('forgotten by the log:')),
    ...(plan.unrecoverable.length > 0
      ? [`  ${sizeOf(plan.unrecoverable)} offsets cannot be read again by anybody`]
      : []),
    ...(plan.ended > 0 ? [`  ${plan.ended} are of a topic that was made again since`] : []),
  ].join('\n')}\n`;
}
