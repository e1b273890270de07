// What a foreign transactional producer aborts is on the log and stays unread by consumers: the audit must see it there, or
// it would call every such offset a hole.
import { randomUUID } from 'node:crypto';
import { Admin, Producer } from '@platformatic/kafka';
import { expect, inject, test } from 'vitest';
import { platformaticAdmin } from '../../kafka/platformatic/admin.ts';
import { platformaticRangeReader } from '../../kafka/platformatic/range-reader.ts';

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
