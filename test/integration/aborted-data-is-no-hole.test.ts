// What a foreign transactional producer aborts is on the log and stays unread by consumers: the audit must see it there, or
// it would call every such offset a hole.
import { randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { expect, inject, test } from 'vitest';
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
