// What may happen to a log between two audits, on a real broker: each has a finding of its own, which stays one for whoever
// audits next, and nothing is silently skipped.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkAnchors, moveAnchors } from '../../consumers/gap-detector/anchor-check.ts';
import { formerLog } from '../../consumers/gap-detector/findings-book.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { AuditedSystem } from '../support/audited-system.ts';

let system: AuditedSystem;

beforeEach(async () => {
  system = await AuditedSystem.start(1);
  await system.store(await system.append(100));
  expect((await system.audit()).verdict).toBe('pass');
});

afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

function named({ findings }: AuditReport, kind: string) {
  return findings
    .filter((one) => one.kind === kind)
    .map(({ partition, from, to, offset }) => ({ partition, from, to, offset }));
}

/** What an anchor would say if the log had been another one when it was written. */
async function anchored(change: string): Promise<void> {
  await system.pool.query(`update audit.anchors set ${change}`);
}

test('a log that only goes on, or forgets what was audited, is no finding', async () => {
  await system.store(await system.append(50));
  expect(await system.audit()).toMatchObject({ verdict: 'pass', findings: [], accounts: { settled: 150 } });
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 120n);
  expect(await system.audit()).toMatchObject({ verdict: 'pass', findings: [], accounts: { settled: 30 } });
});

test('a topic that was deleted and made again', async () => {
  const before = system.incarnation;
  await system.recreate();
  await system.store(await system.append(10));
  const first = await system.audit();
  expect(first.verdict).toBe('fail');
  expect(named(first, 'recreated')).toEqual([{ partition: 0, from: 0, to: 99, offset: undefined }]);
  expect(first.findings.find(({ kind }) => kind === 'recreated')?.incarnation).toBe(before);
  expect(named(await system.audit(), 'recreated')).toHaveLength(1);
});

/** Numbered by their source, too. */
async function counted(count: number): Promise<void> {
  const of = { stream: 'a', streamEpoch: 'e' };
  const events = system.messages(count).map((event) => ({ ...event, ...of, seq: event.ingestSeq - 100 }));
  await system.store(await system.appendEvents(events));
}

test('a topic that was made again, when a source and its gateway go on: what was on the former one is no loss', async () => {
  await counted(50);
  expect((await system.audit()).findings).toEqual([]);
  const before = system.incarnation;
  await system.recreate();
  await counted(10);
  const kinds = async () => (await system.audit()).findings.map(({ kind }) => kind);
  expect(await kinds()).toEqual(['recreated']);
  // The new one becomes longer than the former one was.
  await counted(300);
  expect(await kinds()).toEqual(['recreated']);
  // The finding is told for a week, what it means for what gateways said then is remembered.
  const longAgo = "first_seen_at - interval '8 days'";
  await system.pool.query(`update audit.findings set first_seen_at = ${longAgo} where kind = 'recreated'`);
  const { incarnation, names, pool } = system;
  const known = await formerLog(pool, { topic: names.incoming, incarnation });
  expect(known?.seenMs).toBeLessThan(Date.now() - 7 * 86_400_000);
  expect(await formerLog(pool, { topic: names.incoming, incarnation: before })).toBeUndefined();
});

test('a topic that is made again while it is audited: nothing is told of it, and the next audit says what happened', async () => {
  const { admin } = system.servers;
  const described = await admin.topics([system.names.incoming]);
  await system.recreate();
  // The audit got its answer just before that.
  const asked = vi.spyOn(admin, 'topics').mockResolvedValueOnce(described);
  await expect(system.audit()).rejects.toMatchObject({ code: 'PMC_TOPIC_RECREATED' });
  asked.mockRestore();
  expect((await system.pool.query('select kind from audit.findings')).rows).toEqual([]);
  const next = await system.audit();
  expect([named(next, 'extra'), named(next, 'truncated'), named(next, 'recreated').length]).toEqual([[], [], 1]);
});

test('a loss behind a false claim is lost as long as it has no row, also when its record has left the log', async () => {
  const [behindClaim, again] = await system.append(2);
  if (behindClaim === undefined || again === undefined) throw new Error('nothing was appended');
  await system.store([behindClaim, again], new Set([behindClaim, again]));
  await system.store(await system.append(10));
  await system.pool.query(
    `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
     select $1, 0, place, gen_random_uuid(), $1, 0, 0 from unnest($2::bigint[]) as place`,
    [system.incarnation, [behindClaim, again].map(({ offset }) => String(offset))],
  );
  // The anchor moves on over what is on the books already.
  for (const _ of [1, 2]) expect(named(await system.audit(), 'missing')).toHaveLength(2);
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 105n);
  await system.pool.query('delete from duplicates where record_offset = $1', [String(again.offset)]);
  await system.store([again]);
  for (const _ of [1, 2]) {
    const report = await system.audit();
    const place = { partition: 0, from: Number(behindClaim.offset), to: Number(behindClaim.offset), offset: undefined };
    const stored = report.stages.find(({ stage }) => stage === 'log-to-stored');
    expect([stored?.verdict, named(report, 'expired-unaudited')]).toEqual(['inconclusive', [place]]);
  }
});

test('records deleted past what the audit had judged', async () => {
  await system.store(await system.append(100));
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 150n);
  const report = await system.audit();
  expect(named(report, 'expired-unaudited')).toEqual([{ partition: 0, from: 100, to: 149, offset: undefined }]);
  expect(report.findings[0]?.detail).toMatch(/deleteRecords/);
  expect(report.verdict).toBe('inconclusive');
  expect(named(await system.audit(), 'expired-unaudited')).toHaveLength(1);
});

test('retention that was faster than the audit', async () => {
  await system.store(await system.append(100));
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 150n);
  await anchored(`checked_at = now() - interval '30 days'`);
  const report = await system.audit();
  expect(named(report, 'expired-unaudited')).toEqual([{ partition: 0, from: 100, to: 149, offset: undefined }]);
  expect(report.findings[0]?.detail).toMatch(/^retention/);
});

test('a log that was cut, and one that was cut and written anew', async () => {
  await anchored('last_offset = last_offset + 20');
  expect(named(await system.audit(), 'truncated')).toEqual([{ partition: 0, from: 100, to: 119, offset: undefined }]);
  await anchored('last_hash = last_hash + 1');
  const anew = await system.audit();
  expect(anew.verdict).toBe('fail');
  expect(named(anew, 'truncated')).toContainEqual({ partition: 0, from: 0, to: 99, offset: undefined });
});

test('an auditor that dies once its anchors have moved has said what they told', async () => {
  await anchored('last_offset = last_offset + 20');
  await system.judge();
  expect(named(await system.audit(), 'truncated')).toEqual([{ partition: 0, from: 100, to: 119, offset: undefined }]);
});

test('a cut that is told before anything was read anew is told once, whatever is written there since', async () => {
  await anchored('last_offset = last_offset + 20');
  const { admin, ranges } = system.servers;
  const tools = { admin, ranges, pool: system.pool };
  const [[topic], { clusterId }] = [await admin.topics([system.names.incoming]), await admin.cluster()];
  if (topic === undefined) throw new Error('no topic');
  const described = { runId: 'first', clusterId, topic, nowMs: Date.now() };
  const ends = (await admin.ends(topic.topic)).get(0);
  if (ends === undefined) throw new Error('no partition');
  await moveAnchors(tools, described, [{ partition: 0, auditedTo: 0n, ends }], await checkAnchors(tools, described));
  await system.store(await system.append(50));
  const { findings } = await system.audit();
  expect(findings.map(({ kind, from, to }) => [kind, from, to])).toEqual([['truncated', 100, 119]]);
});

test('another beginning under the same id', async () => {
  await anchored('early_hash = early_hash + 1');
  expect(named(await system.audit(), 'recreated')).toHaveLength(1);
});

test('a leader epoch that went back', async () => {
  await anchored('leader_epoch = leader_epoch + 3');
  const report = await system.audit();
  expect(named(report, 'epoch-regressed')).toHaveLength(1);
  expect(report.verdict).toBe('fail');
});

test('another cluster: named as long as it is the wrong one, and nothing is remembered of it', async () => {
  await anchored(`cluster_id = 'another'`);
  for (const _ of [1, 2]) expect(named(await system.audit(), 'wrong-cluster')).toHaveLength(1);
  const { rows } = await system.pool.query<{ cluster_id: string }>('select cluster_id from audit.anchors');
  expect(rows).toEqual([{ cluster_id: 'another' }]);
});

test('two auditors at once find the same, and neither spoils the other', async () => {
  const [lost] = await system.append(40);
  if (lost === undefined) throw new Error('nothing was appended');
  await system.store(system.appended.slice(100), new Set([lost]));
  const reports = await Promise.all([system.audit(), system.audit(), system.audit()]);
  for (const { verdict, findings, accounts } of reports) {
    expect([verdict, accounts.missing, accounts.residual]).toEqual(['fail', 1, 0]);
    expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([['missing', Number(lost.offset)]]);
  }
  await system.store([lost]);
  const healed = await Promise.all([system.audit(), system.audit()]);
  expect(healed.map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
});
