// Sends that one turn makes over one connection travel in one request, and each gets its own part of the answer: a broker
// takes the next request of a connection when it has answered the one before, so six of them take six times as long as one. The library
// does not learn of it: each send has one partition, and keeps its sequence numbers, its retries and its outcome for itself.
import { type API, type Callback, type Connection, createAPI, type Reader, Writer } from '@platformatic/kafka';
import type { Offset, TopicPartition } from '../log.ts';
import { type PartitionAnswer, PRODUCE, parseProduceAnswer, refusalIn } from './produce-answer.ts';

/** One batch for one partition, and who waits for its outcome. */
export interface Send extends TopicPartition {
  readonly batch: Buffer;
  readonly callback: Callback<Appended>;
}

/** As the library wants it. */
export interface Appended {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly { readonly index: number; readonly baseOffset: Offset }[];
  }[];
}

type Request = readonly [acks: number, timeoutMs: number, sends: readonly Send[]];

interface Waiting {
  readonly sends: Send[];
  bytes: number;
}

/** What has this size goes out at once: one answer, within one time limit, is for all of it, and brokers take 100 MiB at most. */
const REQUEST_BYTES_MAX = 4 * 1_048_576;

export class SharedRequests {
  readonly #version: number;
  readonly #api: API<[...Request], readonly PartitionAnswer[]>;
  /** What goes out at the end of this turn. All of a connection are of one producer, and so of the same acks and time limit. */
  readonly #waiting = new Map<Connection, Waiting>();

  /** A version from 9 on, where lengths are compact. */
  constructor(version: number) {
    this.#version = version;
    const parse = (_id: number, _key: number, _version: number, reader: Reader) => parseProduceAnswer(reader);
    this.#api = createAPI(PRODUCE, version, produceRequest, parse);
  }

  /** A partition has one send at a time: the next one's sequence numbers hang on its outcome. */
  add(connection: Connection, acks: number, timeoutMs: number, send: Send): void {
    const waiting = this.#waiting.get(connection) ?? { sends: [], bytes: 0 };
    waiting.sends.push(send);
    waiting.bytes += send.batch.length;
    this.#waiting.set(connection, waiting);
    if (waiting.bytes >= REQUEST_BYTES_MAX) return this.#flush(connection, acks, timeoutMs);
    if (waiting.sends.length > 1) return;
    // When all that the turn set off has come as far as this, and before anything else is read.
    process.nextTick(() => this.#flush(connection, acks, timeoutMs));
  }

  #flush(connection: Connection, acks: number, timeoutMs: number): void {
    const { sends } = this.#waiting.get(connection) ?? { sends: [] };
    if (sends.length === 0) return;
    this.#waiting.delete(connection);
    this.#api(connection, acks, timeoutMs, sends, (error, answers = []) => {
      for (const send of sends) {
        if (error === null) this.#settle(send, answers);
        else send.callback(error);
      }
    });
  }

  #settle({ topic, partition, callback }: Send, answers: readonly PartitionAnswer[]): void {
    const own = answers.find((one) => one.topic === topic && one.partition === partition);
    if (own === undefined) return callback(new Error(`the answer to a request says nothing of ${topic}-${partition}`));
    const refusal = refusalIn(own, this.#version);
    if (refusal !== undefined) return callback(refusal);
    const { baseOffset } = own;
    callback(null, { responses: [{ name: topic, partitionResponses: [{ index: partition, baseOffset }] }] });
  }
}

function produceRequest(...[acks, timeoutMs, sends]: Request): Writer {
  const byTopic = [...Map.groupBy(sends, ({ topic }) => topic)];
  return Writer.create()
    .appendString(null)
    .appendInt16(acks)
    .appendInt32(timeoutMs)
    .appendArray(byTopic, (writer, [topic, ofTopic]) => {
      writer.appendString(topic).appendArray(ofTopic, (_, { partition, batch }) => {
        writer.appendInt32(partition).appendBytes(batch);
      });
    })
    .appendTaggedFields();
}
