import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { AppendOutcome, TopicPartition } from '../../kafka/log.ts';
import type { Pool } from '../../service/database.ts';
import type { OutboxReply } from './dispatch.ts';
import { ReplyLanes } from './reply-lanes.ts';

const [STUCK, WELL] = [0, 1];

const replyTo = (partition: number): OutboxReply => {
  return { replyId: randomUUID(), topic: 't', partition, key: 'k', value: Buffer.from('{}'), createdAtMs: 0 };
};

it('has room for the replies of a partition, however many of another one wait', async () => {
  const stuck = Promise.withResolvers<AppendOutcome>();
  const acked: AppendOutcome = { outcome: 'acked', baseOffset: 0n };
  const lanes = new ReplyLanes({
    pool: { query: () => Promise.resolve({ rows: [] }) } as unknown as Pool,
    appender: {
      append: ({ partition }: TopicPartition) => (partition === STUCK ? stuck.promise : Promise.resolve(acked)),
    },
    logger: pino({ level: 'silent' }),
    metrics: { relayed: () => undefined, appendFailed: () => undefined },
    onGivenBack: () => undefined,
  });
  let given = 0;
  while (given < 100_000 && lanes.takes(replyTo(STUCK))) {
    lanes.send([replyTo(STUCK)]);
    given += 1;
  }
  expect(given).toBeLessThan(100_000);
  expect([lanes.takes(replyTo(STUCK)), lanes.takes(replyTo(WELL))]).toEqual([false, true]);
  stuck.resolve(acked);
  await lanes.drain();
  expect(lanes.takes(replyTo(STUCK))).toBe(true);
});
