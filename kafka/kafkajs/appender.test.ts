import kafkajs, { type Producer, type ProducerRecord, type RecordMetadata } from 'kafkajs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Appender, AppendRecord } from '../log.ts';
import { kafkajsAppender } from './appender.ts';

const TO = { topic: 'pmc.messages.incoming', partition: 2 };
const UNANSWERED = new kafkajs.KafkaJSRequestTimeoutError('timed out');
const REFUSED = new kafkajs.KafkaJSProtocolError(Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' }));

interface ScriptedProducer {
  readonly number: number;
  isConnected: boolean;
  /** As the library does when one of its requests had no answer in time. */
  timeOut(): void;
}

interface Sending {
  readonly by: ScriptedProducer;
  readonly request: ProducerRecord;
  answer(answers: readonly Partial<RecordMetadata>[]): void;
  fail(error: Error): void;
}

const producers: ScriptedProducer[] = [];
const sendings: Sending[] = [];

/** The n-th producer of the process, whose sends are answered by the test. */
function scriptedProducer(): Pick<Producer, 'connect' | 'disconnect' | 'send'> & { events: object; on: unknown } {
  const self: ScriptedProducer = { number: producers.length + 1, isConnected: false, timeOut: () => undefined };
  producers.push(self);
  return {
    events: { REQUEST_TIMEOUT: 'timeout' },
    on: (_event: string, listener: () => void) => {
      self.timeOut = listener;
    },
    connect: () => {
      self.isConnected = true;
      return Promise.resolve();
    },
    disconnect: () => {
      self.isConnected = false;
      return Promise.resolve();
    },
    send: (request) =>
      new Promise((resolve, reject) => {
        sendings.push({
          by: self,
          request,
          answer: (answers) => resolve([...answers] as RecordMetadata[]),
          fail: reject,
        });
      }),
  };
}

vi.mock('./client.ts', () => ({
  METADATA_AGE_MAX_MS: 1,
  REQUEST_TIMEOUT_MS: 10_000,
  kafkaClient: () => ({ producer: scriptedProducer }),
}));

let appender: Appender;

function record(key: string): AppendRecord {
  return { key, value: Buffer.from(key), headers: { sha256: 'ab' }, timestampMs: 5 };
}

const append = (key: string, partition: number): ReturnType<Appender['append']> =>
  appender.append({ ...TO, partition }, [record(key)]);

async function sending(number: number): Promise<Sending> {
  return await vi.waitUntil(() => sendings[number - 1]);
}

beforeEach(() => {
  producers.length = 0;
  sendings.length = 0;
  appender = kafkajsAppender({ brokers: ['broker:1'], clientId: 'test', logger: pino({ level: 'silent' }) });
});

afterEach(async () => {
  await appender.stop();
});

describe('the appender', () => {
  test('sends one partition at a time, with acks of all and the timestamp it was given', async () => {
    const appended = appender.append(TO, [record('a'), record('b')]);
    const first = await sending(1);
    expect(first.request).toMatchObject({ topic: TO.topic, acks: -1 });
    expect(first.request.messages).toEqual(
      ['a', 'b'].map((key) => ({
        key,
        value: Buffer.from(key),
        partition: 2,
        headers: { sha256: 'ab' },
        timestamp: '5',
      })),
    );
    first.answer([{ partition: 2, baseOffset: '41' }]);
    expect(await appended).toEqual({ outcome: 'acked', baseOffset: 41n });
  });

  test('has one send of a partition unsettled at a time, and does not hold up other partitions', async () => {
    const one = appender.append(TO, [record('a')]);
    const two = appender.append(TO, [record('b')]);
    const other = appender.append({ ...TO, partition: 3 }, [record('x')]);
    const elsewhere = await sending(2);
    expect(sendings.map(({ request }) => request.messages[0]?.key)).toEqual(['a', 'x']);
    elsewhere.answer([{ partition: 3, baseOffset: '0' }]);
    await other;
    expect(sendings).toHaveLength(2);
    sendings[0]?.fail(UNANSWERED);
    expect((await one).outcome).toBe('unknown');
    (await sending(3)).answer([{ partition: 2, baseOffset: '0' }]);
    expect((await two).outcome).toBe('acked');
  });

  test('replaces the producer after an unknown outcome; what is in flight on the old one ends there', async () => {
    const slow = appender.append({ ...TO, partition: 3 }, [record('slow')]);
    const lost = appender.append(TO, [record('a')]);
    await sending(2);
    sendings[1]?.fail(UNANSWERED);
    expect((await lost).outcome).toBe('unknown');
    const again = appender.append(TO, [record('a')]);
    const third = await sending(3);
    expect(third.by.number).toBe(2);
    expect(producers.map(({ isConnected }) => isConnected)).toEqual([true, true]);
    sendings[0]?.answer([{ partition: 3, baseOffset: '9' }]);
    expect(await slow).toEqual({ outcome: 'acked', baseOffset: 9n });
    await vi.waitUntil(() => producers[0]?.isConnected === false);
    third.answer([{ partition: 2, baseOffset: '0' }]);
    await again;
    expect(producers[1]?.isConnected).toBe(true);
  });

  test('a request without an answer ends all sends of its producer, which is only left when the library has done with them', async () => {
    const appends = [append('a', 2), append('b', 3)];
    await sending(2);
    producers[0]?.timeOut();
    expect((await Promise.all(appends)).map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
    const again = append('a', 2);
    const third = await sending(3);
    expect(third.by.number).toBe(2);
    third.answer([{ partition: 2, baseOffset: '7' }]);
    expect(await again).toEqual({ outcome: 'acked', baseOffset: 7n });
    // The library connects again for a send that goes on.
    await vi.waitUntil(() => producers[0]?.isConnected === false);
    if (producers[0] !== undefined) producers[0].isConnected = true;
    sendings[0]?.fail(UNANSWERED);
    sendings[1]?.answer([{ partition: 3, baseOffset: '0' }]);
    await vi.waitUntil(() => producers[0]?.isConnected === false);
  });

  test('keeps the producer when the broker refused the records', async () => {
    const refused = appender.append(TO, [record('a')]);
    (await sending(1)).fail(REFUSED);
    expect((await refused).outcome).toBe('rejected');
    const next = appender.append(TO, [record('b')]);
    const second = await sending(2);
    expect(second.by.number).toBe(1);
    second.answer([{ partition: 2, baseOffset: '0' }]);
    await next;
  });

  test.each([
    ['for no partition', []],
    ['for another partition', [{ partition: 4, baseOffset: '1' }]],
    [
      'for two partitions',
      [
        { partition: 2, baseOffset: '1' },
        { partition: 4, baseOffset: '1' },
      ],
    ],
    ['without an offset', [{ partition: 2 }]],
  ])('does not take an answer %s for an acknowledgement', async (_name, answers) => {
    const appended = appender.append(TO, [record('a')]);
    (await sending(1)).answer(answers);
    expect((await appended).outcome).toBe('unknown');
  });

  test('disconnects only when nothing is in flight', async () => {
    const appended = appender.append(TO, [record('a')]);
    const first = await sending(1);
    const stopped = appender.stop();
    expect(producers[0]?.isConnected).toBe(true);
    first.answer([{ partition: 2, baseOffset: '0' }]);
    expect((await appended).outcome).toBe('acked');
    await stopped;
    expect(producers[0]?.isConnected).toBe(false);
  });
});
