// What cannot be appended, by both clients: each has its own code, and what was sent beside it is on the log, in order.
import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { Accumulator, type RecordOutcome } from '../../kafka/accumulator.ts';
import { openAppender } from '../../kafka/connect.ts';
import type { Appender, AppendRecord } from '../../kafka/log.ts';
import { createLogger } from '../../service/logger.ts';

const RECORDS = 64;
const TOPIC_BYTES_MAX = 20_000;
/** Brokers take an hour. */
const FUTURE_MS = 2 * 3_600_000;
const logger = createLogger('test', 'silent');
const topic = `test-${randomUUID()}`;
const TO = { topic, partition: 0 };

let topics: Admin;

beforeAll(async () => {
  topics = new Admin({ clientId: 'test', bootstrapBrokers: inject('brokers') });
  const configs = [{ name: 'max.message.bytes', value: String(TOPIC_BYTES_MAX) }];
  await topics.createTopics({ topics: [topic], partitions: 1, replicas: 1, configs });
});

afterAll(async () => {
  await topics.deleteTopics({ topics: [topic] });
  await topics.close();
});

function record(sizeBytes = 10): AppendRecord {
  return { key: 'k', value: Buffer.alloc(sizeBytes, 'v'), headers: {}, timestampMs: 1 };
}

function codeOf(outcome: RecordOutcome): string {
  return outcome.outcome === 'acked' ? 'acked' : outcome.error.code;
}

describe.for(['kafkajs', 'platformatic'] as const)('%s', (client) => {
  let appender: Appender;

  beforeEach(() => {
    appender = openAppender({
      config: { brokers: inject('brokers'), appenderClient: client },
      clientId: 'test',
      logger,
    });
  });

  afterEach(async () => {
    await appender.stop();
  });

  test('row 11 · a record that only the broker finds too large is told from its neighbours, in few appends', async () => {
    let appends = 0;
    const accumulator = new Accumulator({
      appender,
      logger,
      batchRecordsMax: 500,
      batchBytesMax: 500_000,
      bytesMax: 10_000_000,
      recordBytesMax: 1_000_000,
      onAppend: (_topic, outcome) => {
        // One without an answer is made again, however slow the broker is.
        if (outcome !== 'unknown') appends += 1;
      },
    });
    const records = Array.from({ length: RECORDS }, (_, index) => record(index === 40 ? 2 * TOPIC_BYTES_MAX : 10));
    const outcomes = await Promise.all(records.map((one) => accumulator.append(TO, one)));
    expect(outcomes.map(codeOf)).toEqual(records.map((_, index) => (index === 40 ? 'PMC_RECORD_TOO_LARGE' : 'acked')));
    const offsets = outcomes.flatMap((one) => (one.outcome === 'acked' ? [one.offset] : []));
    expect(offsets).toEqual([...offsets].sort((a, b) => Number(a - b)));
    expect(new Set(offsets).size).toBe(RECORDS - 1);
    expect(appends).toBeLessThanOrEqual(1 + 2 * Math.log2(RECORDS));
  });

  // The clock is wrong, not the record: nobody loses what came while it was.
  test('row 11 · a record whose time the broker does not take is appended under a later one, with its neighbours in order', async () => {
    const limits = { batchRecordsMax: 500, batchBytesMax: 500_000, bytesMax: 10_000_000, recordBytesMax: 1_000_000 };
    const answers: string[] = [];
    const onAppend = (_to: unknown, outcome: string): void => void answers.push(outcome);
    const accumulator = new Accumulator({ appender, logger, ...limits, onAppend });
    const times = [0, 1, FUTURE_MS, 2].map((ahead) => Date.now() + ahead);
    const outcomes = await Promise.all(
      times.map((timestampMs) => accumulator.append(TO, { ...record(), timestampMs })),
    );
    expect([answers[0], ...outcomes.map(codeOf)]).toEqual(['unknown', 'acked', 'acked', 'acked', 'acked']);
    const [first = 0n, ...others] = outcomes.flatMap((one) => (one.outcome === 'acked' ? [one.offset] : []));
    expect(others).toEqual([first + 1n, first + 2n, first + 3n]);
  });

  test('row 11 · a record without a value is refused unsent, and the next append is none the worse', async () => {
    const noValue = { ...record(), value: undefined } as unknown as AppendRecord;
    expect(await appender.append(TO, [record(), noValue])).toMatchObject({
      outcome: 'rejected',
      error: { code: 'PMC_RECORD_INVALID' },
    });
    expect(await appender.append(TO, [record()])).toMatchObject({ outcome: 'acked' });
  });

  test('a topic that does not exist is named and not refused, and holds up nobody', async () => {
    const nowhere = { topic: `${topic}-none`, partition: 0 };
    const [missing, there] = await Promise.all([appender.append(nowhere, [record()]), appender.append(TO, [record()])]);
    expect(missing).toMatchObject({ outcome: 'unknown', error: { code: 'PMC_TOPIC_MISSING' } });
    expect(there).toMatchObject({ outcome: 'acked' });
    expect((await topics.listTopics()).includes(nowhere.topic)).toBe(false);
  });
});
