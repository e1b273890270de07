// One seeded run: the simulator with its faults, a server that breaks and a service that kills itself while it works, all at the same
// time; then quiet, and the ledger beside what the audit says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeTime } from 'ulid';
import { vi } from 'vitest';
import type { AuditReport } from '../../../consumers/gap-detector/report.ts';
import type { ExportedRow } from '../../../producers/chaos-socket/verdict/exported-row.ts';
import type { LedgerLine } from '../../../producers/chaos-socket/verdict/ledger-line.ts';
import { type ChaosVerdict, judge } from '../../../producers/chaos-socket/verdict/verdict.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { pause } from '../../../service/backoff.ts';
import type { ServiceProcess } from '../service-process.ts';
import { startSimulator } from '../simulator.ts';
import type { ChaosBench, Killable } from './chaos-bench.ts';
import { type ChaosPlan, COUNTING_SOURCE, LOAD_RATE, LOAD_SECONDS, PLAIN_SOURCE } from './chaos-plan.ts';
import { accountFrames, lowering, numbersLost, numbersMissed } from './emitted-accounts.ts';

export interface ChaosRun {
  /** The service came to its kill point by itself and ended there. */
  readonly wasHit: boolean;
  readonly verdict: ChaosVerdict;
  readonly accounts: ReturnType<typeof accountFrames>;
  readonly lost: ReadonlySet<string>;
  readonly missed: ReadonlySet<string>;
  readonly report: AuditReport;
  /** Gateway epochs that were killed after the source that cannot send again had been heard in them: their ends are unknown. */
  readonly openEnds: readonly string[];
  /** The running audit's, when it has come as far as the bounded one. */
  readonly live: LiveReport;
}

interface LiveReport {
  readonly report: AuditReport | undefined;
  /** Why the newest one is not what was waited for. */
  readonly late: string | undefined;
}

const DIES_WITHIN_MS = 90_000;
const SETTLES = { timeout: 60_000, interval: 250 };
const LIVE_WITHIN_MS = 45_000;

export async function chaosRun(bench: ChaosBench, plan: ChaosPlan): Promise<ChaosRun> {
  await bench.begin();
  const folder = mkdtempSync(join(tmpdir(), 'pmc-chaos-plan-'));
  const schedule = join(folder, 'schedule.yaml');
  writeFileSync(
    schedule,
    JSON.stringify({ phases: [{ seconds: LOAD_SECONDS, rate: LOAD_RATE }], faults: plan.faults }),
  );
  const simulator = await startSimulator({
    PMC_CHAOS_SCHEDULE: schedule,
    PMC_CHAOS_SEED: String(plan.seed),
    PMC_CHAOS_CONNECTIONS: '2',
  });
  rmSync(folder, { recursive: true });
  const { host } = new URL(simulator.wsUrl);
  const sources = { PMC_SOURCES: `legacy+ws://${host}${PLAIN_SOURCE},pmc.v1+ws://${host}${COUNTING_SOURCE}` };

  const dying = die(bench, plan, sources);
  await vi.waitFor(async () => {
    const { body } = await simulator.get('/api/status');
    if (Number(body['sent']) < LOAD_RATE / 4) throw new Error('nothing is sent yet');
  }, SETTLES);
  const other = plan.rebalance ? bench.spare('persistence') : undefined;
  if (plan.breakage !== undefined) await bench.break(plan.breakage);
  const wasHit = await dying;
  await other?.stop();

  const isKept = async (): Promise<boolean> => {
    const { body } = await simulator.get('/api/status');
    return (body['streams'] as { kept: number }[]).some(({ kept }) => kept > 0);
  };
  let ledger: readonly LedgerLine[] = [];
  let verdict: ChaosVerdict | undefined;
  await pause(LOAD_SECONDS * 250);
  await vi
    .waitFor(async () => {
      ledger = await simulator.ledger();
      verdict = judge(ledger, await rowsOf(bench, host));
      if (verdict.unexplained > 0 || (await isKept())) throw new Error('not settled');
    }, SETTLES)
    .catch(() => undefined);
  const quietMs = Date.now();
  // It ends well, and so has had its last word.
  await bench.end('communicator', 'SIGTERM');
  const report = await bench.audit();
  const live = await liveReport(bench, quietMs, lowering(report));
  await simulator.stop();

  const rejected = await bench.content.read(TOPIC.rejected);
  const rows = await rowsOf(bench, host);
  const missed = numbersMissed(ledger, report.findings);
  const found = {
    stored: new Set(rows.map(({ sha256 }) => sha256)),
    rejected: new Set(rejected.map(({ value }) => value.sha256.toString('hex'))),
  };
  return {
    wasHit,
    verdict: verdict ?? judge(ledger, rows),
    accounts: accountFrames(ledger, found, missed),
    lost: numbersLost(ledger),
    missed,
    report,
    openEnds: await openEnds(bench),
    live,
  };
}

/** Starts what the seed wants killed so that it kills itself, and what else has to run; resolves when all of it runs again. */
async function die(bench: ChaosBench, plan: ChaosPlan, sources: Readonly<Record<string, string>>): Promise<boolean> {
  const { point, nth } = plan;
  const killAt = `${point}:${nth}`;
  switch (point.split('.')[0] as 'communicator' | 'persistence' | 'audit') {
    case 'communicator': {
      if (point === 'communicator.recovered') {
        // Something has to be left behind for the next one.
        bench.run('communicator', sources, 'communicator.spooled:3');
        await ended(bench, 'communicator');
      }
      bench.run('communicator', sources, killAt);
      const isOwn = await ended(bench, 'communicator');
      await bench.run('communicator', sources).ready();
      return isOwn;
    }
    case 'persistence': {
      // Alone, and with all that was written until it came: however late it joins, it has work enough to come to its point.
      await bench.end('persistence', 'SIGTERM');
      bench.run('communicator', sources);
      bench.run('persistence', {}, killAt);
      const isOwn = await ended(bench, 'persistence');
      bench.run('persistence');
      return isOwn;
    }
    case 'audit': {
      bench.run('communicator', sources);
      await bench.end('gap-detector', 'SIGKILL');
      bench.run('gap-detector', {}, killAt);
      const isOwn = await ended(bench, 'gap-detector');
      bench.run('gap-detector');
      return isOwn;
    }
  }
}

async function ended(bench: ChaosBench, name: Killable): Promise<boolean> {
  const isOwn = await isEnded(bench.running(name));
  await bench.end(name, 'SIGKILL');
  return isOwn;
}

/** By itself, by SIGKILL, in time; else it is killed. */
async function isEnded(service: ServiceProcess): Promise<boolean> {
  const isOwn = await Promise.race([service.ended.then(() => true), pause(DIES_WITHIN_MS).then(() => false)]);
  const { signal } = await service.stop('SIGKILL');
  if (signal !== 'SIGKILL') throw new Error(`it ended with ${signal}:\n${service.log.slice(-4_000)}`);
  return isOwn;
}

async function rowsOf({ pool }: ChaosBench, host: string): Promise<readonly ExportedRow[]> {
  const { rows } = await pool.query<Record<string, string | null> & { flags: string[] }>(
    `select encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex') as sha256, event_id, chat, source, stream, stream_epoch, seq,
       incarnation || ' ' || partition as place, record_offset, flags, extract(epoch from received_at) * 1000 as received_at
     from message_metadata where starts_with(source, $1) order by incarnation, partition, record_offset`,
    [host],
  );
  return rows.map((row) => ({
    sha256: row['sha256'] ?? '',
    id: row['event_id'] ?? undefined,
    chat: row['chat'] ?? undefined,
    source: row['source'] ?? '',
    stream: row['stream'] ?? undefined,
    epoch: row['stream_epoch'] ?? undefined,
    seq: row['seq'] === null ? undefined : Number(row['seq']),
    partition: row['place'] ?? '',
    offset: Number(row['record_offset']),
    flags: row.flags,
    receivedAtMs: Number(row['received_at']),
  }));
}

/** Killed epochs in which something came that cannot be sent again, on whichever topic it is. */
async function openEnds({ content, lives }: ChaosBench): Promise<readonly string[]> {
  const [incoming, rejected] = [await content.read(TOPIC.incoming), await content.read(TOPIC.rejected)];
  const epochs = new Set(
    [...incoming, ...rejected]
      .filter(({ value }) => value.source.endsWith(PLAIN_SOURCE))
      .map(({ value }) => value.gatewayEpoch),
  );
  const killed = lives.filter(({ wasKilled }) => wasKilled);
  return [...epochs]
    .filter((epoch) =>
      killed.some(({ fromMs, untilMs }) => decodeTime(epoch) >= fromMs && decodeTime(epoch) <= untilMs),
    )
    .toSorted();
}

/** The first report of the running audit that has read and judged everything and knows what is wrong; where none comes, why not. */
async function liveReport(bench: ChaosBench, quietMs: number, known: readonly string[]): Promise<LiveReport> {
  const deadline = Date.now() + LIVE_WITHIN_MS;
  for (;;) {
    const report = await bench.liveReport();
    const late = report === undefined ? 'there is no report' : whyLate(report, quietMs, known);
    if (late === undefined || Date.now() > deadline) return { report, late };
    await pause(250);
  }
}

function whyLate(report: AuditReport, quietMs: number, known: readonly string[]): string | undefined {
  const { runId, startedAt, coverage, suspect } = report;
  if (Date.parse(startedAt) <= quietMs)
    return `the newest report is of ${startedAt}, and all was quiet at ${new Date(quietMs).toISOString()}`;
  const found = new Set(lowering(report));
  const unknown = known.filter((key) => !found.has(key));
  if (coverage === 1 && suspect === 0 && unknown.length === 0) return undefined;
  return `report ${runId} of ${startedAt} has coverage ${coverage}, ${suspect} suspects and not ${unknown.join(', ')}`;
}
