// Excludes: a running audit that calls what a foreign transaction leaves on the log a loss, or unknown for ever once it has expired.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { storeFindings } from '../../consumers/gap-detector/audit-store.ts';
import type { AuditTools } from '../../consumers/gap-detector/bounded-audit.ts';
import { LiveAudit } from '../../consumers/gap-detector/live-audit.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { AuditedSystem } from '../support/audited-system.ts';
import { pmcCommand } from '../support/pmc-command.ts';

const HOUR_MS = 3_600_000;
const GROUP = 'pmc-gap-detector';
const AT = { topic: TOPIC.incoming, partition: 0 };

/** The tools of the running audit, which knows the topics of the system alone: under those names it finds the scratch topics. */
function toolsOf({ servers, names, pool }: AuditedSystem, nowMs: () => number): AuditTools {
  const { admin, ranges, codec } = servers;
  const scratch = new Map<string, string>([
    [TOPIC.incoming, names.incoming],
    [TOPIC.rejected, names.rejected],
    [TOPIC.sources, names.sources],
  ]);
  const named = (topic: string): string => scratch.get(topic) ?? topic;
  const renamed: Pick<AuditTools['admin'], 'topics' | 'ends' | 'committed' | 'topicSettings'> = {
    topics: (topics) => admin.topics(topics.map(named)),
    ends: (topic) => admin.ends(named(topic)),
    topicSettings: (topic) => admin.topicSettings(named(topic)),
    committed: (group, topic) => admin.committed(group, named(topic)),
  };
  const reader: AuditTools['ranges'] = {
    read: ({ topic, partition }, ...of) => ranges.read({ topic: named(topic), partition }, ...of),
  };
  return { admin: renamed as AuditTools['admin'], ranges: reader, codec, pool, clock: { nowMs } };
}

test('each has an account of its own, also when it has expired and the rows around it are purged', async () => {
  await using system = await AuditedSystem.start(1);
  const old = system.messages(10).map((event) => ({ ...event, receivedAt: event.receivedAt - HOUR_MS }));
  await system.store(await system.appendEvents(old));
  await system.store(await system.appendTransaction(3, 'commit'));
  await system.appendTransaction(2, 'abort');
  await system.store(await system.append(3));
  // 10 records, 3 and their end, 2 that were aborted and their end, 3 records.
  let laterMs = 0;
  const tools = toolsOf(system, () => Date.now() + laterMs);
  const audit = new LiveAudit({ tools, logger: pino({ level: 'silent' }), graceMs: 200, coverageMin: 0.95 });
  const records = [];
  for await (const entries of tools.ranges.read(AT, 0n, 20n))
    for (const entry of entries) if (entry.kind === 'record') records.push(entry.record);
  const { signal } = new AbortController();
  const about = { ...AT, incarnation: system.incarnation, generation: 1, highWatermark: 20n, signal };
  // Its group is given records alone, with what lies between them left out within a batch, and before one.
  for (const part of [records.slice(0, 12), records.slice(12, 13), records.slice(13)])
    await audit.handleBatch({ ...about, records: part }, GROUP);

  const round = async (runId: string) => {
    // Anchors are moved once a minute.
    laterMs += 61_000;
    const topic = { topic: TOPIC.incoming, incarnation: system.incarnation, partitions: [] };
    const report = await audit.round(topic, 'c', runId);
    await storeFindings(system.pool, report, { isComplete: report.suspect === 0 });
    const stage = report.stages.find((one) => one.stage === 'log-to-stored');
    const found = report.findings.filter((one) => one.stage === 'log-to-stored').map(({ kind }) => kind);
    return { accounts: report.accounts, found, verdict: stage?.verdict };
  };
  const sound = { found: [], verdict: 'pass' };
  const rowless = { settled: 20, aborted: 2, control: 2, missing: 0, expired: 0, residual: 0 };
  expect(await round('1')).toMatchObject({ ...sound, accounts: { ...rowless, stored: 16 } });
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 18n);
  expect(await round('2')).toMatchObject({ ...sound, accounts: { ...rowless, stored: 16 } });
  const before = new Date(Date.now() - HOUR_MS / 2).toISOString();
  const purge = ['rows', 'purge', '--before', before, '--execute'];
  expect(await pmcCommand({ DATABASE_URL: system.databaseUrl }, ...purge)).toMatchObject({ code: 0 });
  for (const runId of ['3', '4'])
    expect(await round(runId)).toMatchObject({ ...sound, accounts: { ...rowless, stored: 6, purged: 10 } });
});
