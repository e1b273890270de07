// Records that come one by one, to a reader that nobody waits for and to one that somebody does: what each is handed, by both clients.
import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { openAppender } from '../../kafka/connect.ts';
import { ScratchTopics } from '../../kafka/scratch-topics.ts';
import { CLIENTS, logger } from '../support/log/clients-under-test.ts';
import { recordingReader } from '../support/log/recording-reader.ts';

const RECORDS = 60;
const EVERY_MS = 25;
const GATHER_MS = 500;

test.for(CLIENTS)('%s: a reader that gathers is handed what came in the meantime at once', async (client) => {
  const brokers = inject('brokers');
  const topic = `test-${randomUUID()}`;
  const topics = new ScratchTopics({ brokers }, 'test');
  await topics.create(topic, 1);
  onTestFinished(() => topics.stop());
  const clients = { config: { brokers, appenderClient: 'kafkajs' }, clientId: 'test', logger } as const;
  const appender = openAppender(clients);
  onTestFinished(() => appender.stop());
  const open = async (gatherMs?: number) => {
    const recording = { client, brokers, topic, groupId: `${topic}-${gatherMs}`, batchRecordsMax: 1_000 };
    const opened = await recordingReader({ ...recording, ...(gatherMs !== undefined && { gatherMs }) });
    onTestFinished(() => opened.stop());
    await vi.waitFor(() => expect(opened.recorded.assignments).not.toEqual([]), 30_000);
    return opened.recorded;
  };
  const [gathering, eager] = [await open(GATHER_MS), await open()];

  const startedMs = performance.now();
  for (let count = 0; count < RECORDS; count += 1) {
    await appender.append({ topic, partition: 0 }, [
      { key: null, value: Buffer.from(`${count}`), headers: {}, timestampMs: Date.now() },
    ]);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  for (const { records } of [gathering, eager])
    await vi.waitFor(() => expect(records).toHaveLength(RECORDS), { timeout: 30_000, interval: 20 });
  const tookMs = performance.now() - startedMs;

  // No answer comes before its time, so there cannot be more of them, however slow the machine is.
  expect(gathering.handled.length).toBeLessThanOrEqual(1 + tookMs / GATHER_MS);
  expect(gathering.records.map(({ offset }) => offset)).toEqual(eager.records.map(({ offset }) => offset));
});
