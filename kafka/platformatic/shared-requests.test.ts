import { type Connection, Reader, ResponseError, Writer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import type { TopicPartition } from '../log.ts';
import { brokerErrorsOf } from './failures.ts';
import { type Answered, writtenAnswer } from './produce-answer.testing.ts';
import { SharedRequests } from './shared-requests.ts';

const ALL = -1;
const TIMEOUT_MS = 10_000;
const VERSION = 11;
const [ONE, TWO, OTHER] = [at('a', 0), at('a', 1), at('b', 0)];
const MESSAGE_TOO_LARGE = 10;

function at(topic: string, partition: number): TopicPartition {
  return { topic, partition };
}

/** What goes over a connection, and the broker's part. */
class ScriptedConnection {
  readonly sent: Buffer[] = [];
  readonly #waiting: ((error: Error | null, answer?: Buffer) => void)[] = [];

  readonly connection = { send: this.#send.bind(this) } as unknown as Connection;

  fail(error: Error): void {
    this.#waiting.shift()?.(error);
  }

  answer(partitions: readonly Answered[]): void {
    this.#waiting.shift()?.(null, writtenAnswer(partitions));
  }

  #send(
    ...[, version, payload, parse, , , callback]: [
      key: number,
      version: number,
      payload: () => Writer,
      parse: (...answer: [id: number, key: number, version: number, reader: Reader]) => object,
      ...tagged: [boolean, boolean],
      callback: (error: Error | null, response?: object) => void,
    ]
  ): void {
    this.sent.push(payload().buffer);
    this.#waiting.push((failure, answer) => {
      if (failure !== null || answer === undefined) return callback(failure);
      callback(null, parse(0, 0, version, Reader.from(answer)));
    });
  }
}

/** Outcomes in the order of the sends: an offset, the names of the broker's errors, or another error's message. */
class Sending {
  readonly outcomes: unknown[] = [];
  readonly #requests = new SharedRequests(VERSION);

  add({ connection }: ScriptedConnection, to: TopicPartition, sizeBytes = 0): void {
    const index = this.outcomes.push('open') - 1;
    this.#requests.add(connection, ALL, TIMEOUT_MS, {
      ...to,
      batch: Buffer.from(`batch of ${to.topic}-${to.partition}`.padEnd(sizeBytes)),
      callback: (error, answer) => {
        const [topic, ...others] = answer?.responses ?? [];
        const [partition] = topic?.partitionResponses ?? [];
        const isOurs = others.length === 0 && topic?.name === to.topic && partition?.index === to.partition;
        if (error instanceof ResponseError) this.outcomes[index] = brokerErrorsOf(error);
        else
          this.outcomes[index] =
            error?.message ?? (isOurs ? (partition as { baseOffset?: bigint }).baseOffset : answer);
      },
    });
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('sends of one turn travel in one request, and each is told its own outcome', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  for (const to of [ONE, OTHER, TWO]) sending.add(broker, to);
  expect(broker.sent).toHaveLength(0);
  await turn();
  expect(broker.sent).toHaveLength(1);
  for (const name of ['a-0', 'a-1', 'b-0']) expect(broker.sent[0]?.includes(`batch of ${name}`)).toBe(true);
  broker.answer([
    { ...TWO, offset: 7n },
    { ...ONE, offset: 5n },
    { ...OTHER, offset: 0n },
  ]);
  expect(sending.outcomes).toEqual([5n, 0n, 7n]);
});

test('what one turn sends waits for nothing of the next, nor of another connection', async () => {
  const [broker, another, sending] = [new ScriptedConnection(), new ScriptedConnection(), new Sending()];
  sending.add(broker, ONE);
  sending.add(another, TWO);
  await turn();
  sending.add(broker, OTHER);
  await turn();
  expect([broker.sent.length, another.sent.length]).toEqual([2, 1]);
});

test('a request that is large enough goes out at once, and what follows in the turn in another', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  sending.add(broker, ONE, 3 * 1_048_576);
  sending.add(broker, TWO, 1_048_576);
  expect(broker.sent).toHaveLength(1);
  sending.add(broker, OTHER);
  await turn();
  expect(broker.sent).toHaveLength(2);
  broker.answer([
    { ...ONE, offset: 1n },
    { ...TWO, offset: 2n },
  ]);
  broker.answer([{ ...OTHER, offset: 3n }]);
  expect(sending.outcomes).toEqual([1n, 2n, 3n]);
});

test('one that is as large as a request may be by itself goes out', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  sending.add(broker, ONE, 4 * 1_048_576);
  sending.add(broker, TWO);
  await turn();
  expect(broker.sent).toHaveLength(2);
  broker.answer([{ ...ONE, offset: 1n }]);
  broker.answer([{ ...TWO, offset: 2n }]);
  expect(sending.outcomes).toEqual([1n, 2n]);
});

test('a partition that is refused fails alone, by the name that the broker gave it', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  for (const to of [ONE, TWO, OTHER]) sending.add(broker, to);
  await turn();
  broker.answer([
    { ...ONE, errorCode: MESSAGE_TOO_LARGE },
    { ...TWO, offset: 3n },
    { ...OTHER, errorCode: 87, recordErrors: ['no key'] },
  ]);
  // What is said of single records does not make another error of it.
  expect(sending.outcomes).toEqual([['MESSAGE_TOO_LARGE'], 3n, ['INVALID_RECORD']]);
});

test('a code that nobody here knows is that of one partition', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  for (const to of [ONE, TWO]) sending.add(broker, to);
  await turn();
  broker.answer([
    { ...ONE, errorCode: 999 },
    { ...TWO, offset: 3n },
  ]);
  expect(sending.outcomes).toEqual([['UNKNOWN_SERVER_ERROR'], 3n]);
});

test('of a request that got no answer nobody knows anything, nor of a partition that an answer leaves out', async () => {
  const [broker, sending] = [new ScriptedConnection(), new Sending()];
  for (const to of [ONE, TWO]) sending.add(broker, to);
  await turn();
  broker.fail(new Error('closed'));
  expect(sending.outcomes).toEqual(['closed', 'closed']);
  for (const to of [ONE, TWO]) sending.add(broker, to);
  await turn();
  broker.answer([{ ...ONE, offset: 1n }]);
  expect(sending.outcomes.slice(2)).toEqual([1n, 'the answer to a request says nothing of a-1']);
});
