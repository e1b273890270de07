// What a foreign transactional producer aborts is on the log and stays unread by consumers: the audit must see it there, or
// it would call every such offset a hole.
import { randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { describe, expect, inject, test } from 'vitest';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { platformaticAdmin } from '../../kafka/platformatic/admin.ts';
import { platformaticRangeReader } from '../../kafka/platformatic/range-reader.ts';
import { AuditedSystem } from '../support/audited-system.ts';

test('each offset of committed and aborted transactions is a record, aborted or a control record', async () => {
  const bootstrapBrokers = inject('brokers');
  const topic = `test-${randomUUID()}`;
  const topics = new Admin({ clientId: 'test', bootstrapBrokers });
  await topics.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  const producer = new Producer({
    clientId: 'test',
    bootstrapBrokers,
    idempotent: true,
    transactionalId: topic,
  });
  for (const end of ['abort', 'commit', 'abort'] as const) {
    const transaction = await producer.beginTransaction();
    const message = { topic, partition: 0, value: Buffer.from(end) };
    await transaction.send({ messages: [message, message] });
    await transaction[end]();
  }
  const settings = { brokers: bootstrapBrokers, clientId: 'test' };
  const reader = platformaticRangeReader(settings);
  const admin = platformaticAdmin(settings);
  try {
    await expect
      .poll(async () => (await admin.ends(topic)).get(0), { timeout: 20_000 })
      .toEqual({ logStart: 0n, lastStable: 9n, highWatermark: 9n });
    for (const lower of [0n, 1n, 4n]) {
      const found: string[] = [];
      for await (const entries of reader.read({ topic, partition: 0 }, lower, 9n)) {
        found.push(...entries.map(({ kind }) => kind));
      }
      const all = ['aborted', 'aborted', 'control', 'record', 'record', 'control', 'aborted', 'aborted', 'control'];
      expect(found).toEqual(all.slice(Number(lower)));
    }
  } finally {
    await topics.deleteTopics({ topics: [topic] });
    await Promise.all([producer.close(), reader.stop(), admin.stop(), topics.close()]);
  }
});

test('the audit has an account for each: what was committed is stored or missing, the rest is aborted or a control record', async () => {
  await using system = await AuditedSystem.start(1);
  await system.store(await system.append(20));
  const first = await system.appendTransaction(3, 'commit');
  await system.appendTransaction(4, 'abort');
  const second = await system.appendTransaction(2, 'commit');
  await system.appendTransaction(1, 'abort');
  const last = await system.append(5);
  const [lost] = second;
  if (lost === undefined) throw new Error('nothing was committed');
  await system.store([...first, ...second, ...last], new Set([lost]));

  // Aborted frames are on no topic, and their numbers were said to be settled.
  const books = { settled: 39, stored: 29, missing: 1, aborted: 5, control: 4, residual: 0, extra: 0 };
  const { accounts, findings, stages } = await system.audit();
  expect(accounts).toMatchObject(books);
  const stored = findings.filter(({ stage }) => stage === 'log-to-stored');
  expect(stored.map(({ kind, offset }) => [kind, offset])).toEqual([['missing', Number(lost.offset)]]);
  const gateway = findings.filter(({ stage }) => stage === 'gateway-to-log');
  const aborted = gateway.flatMap(({ kind, from = 0, to = -1 }) => (kind === 'missing' ? [from, to] : []));
  expect(aborted).toEqual([24, 27, 30, 30]);
  expect(stages.find(({ stage }) => stage === 'log-to-stored')?.verdict).toBe('fail');

  await system.store([lost]);
  const healed = await system.audit();
  expect(healed.accounts).toMatchObject({ ...books, stored: 30, missing: 0 });
  expect(healed.stages.find(({ stage }) => stage === 'log-to-stored')?.verdict).toBe('pass');
});

describe('once the log has forgotten it', () => {
  const storedStage = ({ stages }: AuditReport) => stages.find(({ stage }) => stage === 'log-to-stored')?.verdict;
  const expired = ({ findings }: AuditReport) =>
    findings.filter(({ kind }) => kind === 'expired-unaudited').map(({ from, to }) => `${from}-${to}`);
  const forget = (system: AuditedSystem, before: bigint) =>
    system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, before);

  test('what was judged while it was there is not asked for, and the audit remembers that it was', async () => {
    await using system = await AuditedSystem.start(1);
    await system.store(await system.append(20));
    await system.audit();
    // The last offset of all is a control record, and persistence's group has come past it.
    const passed = (offset: number) => system.pool.query('update coverage set upper_offset = $1', [offset]);
    await system.store(await system.appendTransaction(2, 'commit'));
    await passed(23);
    await system.audit();
    const anchor = async () =>
      (await system.pool.query('select last_offset::int, audited_to::int from audit.anchors')).rows[0];
    expect(await anchor()).toEqual({ last_offset: 21, audited_to: 23 });
    await system.appendTransaction(100, 'abort');
    await passed(124);
    expect(expired(await system.audit())).toEqual([]);
    expect(await anchor()).toEqual({ last_offset: 21, audited_to: 124 });
    await system.store(await system.append(3));
    await forget(system, 123n);
    for (const _ of [1, 2]) {
      const report = await system.audit();
      expect([storedStage(report), expired(report)]).toEqual(['pass', []]);
    }
    await forget(system, 127n);
    expect(expired(await system.audit())).toEqual([]);
  });

  test('what nobody had judged is named for as long as it is stored nowhere, and so is what was lost', async () => {
    await using system = await AuditedSystem.start(1);
    const [lost] = await system.append(20);
    if (lost === undefined) throw new Error('nothing was appended');
    await system.store(system.appended, new Set([lost]));
    expect(storedStage(await system.audit())).toBe('fail');
    // From here to the next audit a row is lost, a transaction aborted, and all of it deleted.
    const [unseen, ...stored] = await system.append(5);
    await system.store(stored);
    await system.appendTransaction(1, 'abort');
    await system.store(await system.append(5));
    await forget(system, 30n);
    const named = expired(await system.audit());
    expect(named).toEqual(expect.arrayContaining(['0-0', `${unseen?.offset}-${unseen?.offset}`, '25-26']));
    await system.pool.query(`update audit.findings set first_seen_at = now() - interval '8 days'`);
    for (const _ of [1, 2]) {
      const report = await system.audit();
      expect([storedStage(report), expired(report)]).toEqual(['inconclusive', ['0-0', '20-20', '25-26']]);
    }
  });
});
