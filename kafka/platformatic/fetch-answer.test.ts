import { fetchV13, fetchV14, fetchV15, fetchV16, fetchV17, Reader, ResponseError, Writer } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerIn, type FetchAnswer, type FetchedPartition, parseAnswer } from './fetch-answer.ts';
import { storedBytes } from './stored-batches.testing.ts';

const FETCH = 1;
/** A code of brokers to come. */
const UNKNOWN = 9_999;
const VERSIONS = [fetchV13, fetchV14, fetchV15, fetchV16, fetchV17].map((one) => [one.api.version, one] as const);
const FIELDS = [
  ...['partitionIndex', 'errorCode', 'highWatermark', 'lastStableOffset', 'logStartOffset'],
  ...['abortedTransactions', 'preferredReadReplica'],
];
const OFFSET = fc.bigInt({ min: -1n, max: 2n ** 62n });
const STORED = fc.constantFrom(
  null,
  Buffer.alloc(0),
  storedBytes([{ value: Buffer.from('a'), timestamp: 1n }], { baseOffset: 5n }),
);
const PARTITION = fc.record({
  ...{ partitionIndex: fc.nat(100), errorCode: fc.constantFrom<number[]>(0, 0, 0, 1, 6, 74) },
  ...{ highWatermark: OFFSET, lastStableOffset: OFFSET, logStartOffset: OFFSET, preferredReadReplica: fc.nat(5) },
  aborted: fc.option(fc.array(fc.record({ producerId: OFFSET, firstOffset: OFFSET }), { maxLength: 3 })),
  stored: STORED,
  /** A leader and its epoch, which is one of the fields that a broker may add. */
  leader: fc.option(fc.nat(100)),
});
const ANSWER = fc.record({
  errorCode: fc.constantFrom<number[]>(0, 0, 0, 70),
  sessionId: fc.nat(),
  topics: fc.array(fc.record({ topicId: fc.uuid(), partitions: fc.array(PARTITION, { maxLength: 3 }) }), {
    maxLength: 3,
  }),
});
type Answer = typeof ANSWER extends fc.Arbitrary<infer T> ? T : never;

function written({ errorCode, sessionId, topics }: Answer): Buffer {
  return Writer.create()
    .appendInt32(0)
    .appendInt16(errorCode)
    .appendInt32(sessionId)
    .appendArray(topics, (writer, { topicId, partitions }) => {
      writer.appendUUID(topicId).appendArray(
        partitions,
        (to, one) => {
          to.appendInt32(one.partitionIndex).appendInt16(one.errorCode);
          to.appendInt64(one.highWatermark).appendInt64(one.lastStableOffset).appendInt64(one.logStartOffset);
          to.appendArray(one.aborted, (_, { producerId, firstOffset }) => {
            to.appendInt64(producerId).appendInt64(firstOffset);
          });
          to.appendInt32(one.preferredReadReplica).appendBytes(one.stored);
          if (one.leader === null) to.appendTaggedFields();
          else
            to.appendUnsignedVarInt(1)
              .appendUnsignedVarInt(1)
              .appendUnsignedVarInt(8)
              .appendInt32(one.leader)
              .appendInt32(9);
        },
        true,
        false,
      );
    })
    .appendTaggedFields().buffer;
}

interface Parsed {
  readonly answer: FetchAnswer;
  readonly errors: readonly unknown[];
}

function parsed(parse: () => unknown): Parsed {
  try {
    return { answer: parse() as FetchAnswer, errors: [] };
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    return {
      answer: error['response'] as FetchAnswer,
      errors: error.errors.map((one: unknown) => (one as Error).message),
    };
  }
}

describe.for(VERSIONS)('an answer of version %s', ([version, library]) => {
  test('says what the library reads of it, and has the batches as they are stored', () => {
    fc.assert(
      fc.property(ANSWER, (answer) => {
        const bytes = written(answer);
        const theirs = parsed(() => library.parseResponse(1, FETCH, version, Reader.from(bytes)));
        const ours = parsed(() => parseAnswer(1, FETCH, version, Reader.from(bytes)));
        expect(ours.errors).toEqual(theirs.errors);
        expect(withoutBatches(ours.answer)).toEqual(withoutBatches(theirs.answer));
        const stored = ours.answer.responses.flatMap(({ partitions }) => partitions.map((one) => one.stored));
        expect(stored).toEqual(
          answer.topics.flatMap(({ partitions }) => partitions.map((one) => one.stored ?? Buffer.alloc(0))),
        );
      }),
    );
  });
});

/** What both have, by name. */
function withoutBatches({ errorCode, responses, ...rest }: FetchAnswer): object {
  const { sessionId, throttleTimeMs } = rest as { readonly sessionId?: number; readonly throttleTimeMs?: number };
  return {
    ...{ errorCode, sessionId, throttleTimeMs },
    responses: responses.map(({ topicId, partitions }) => ({ topicId, partitions: partitions.map(fieldsOf) })),
  };
}

function fieldsOf(partition: FetchedPartition): object {
  return Object.fromEntries(FIELDS.map((name) => [name, (partition as unknown as Record<string, unknown>)[name]]));
}

describe('the answer in an error', () => {
  const refused = (errorCode: number, ...ofPartitions: readonly number[]) => {
    const offsets = { highWatermark: 9n, lastStableOffset: 9n, logStartOffset: 0n, preferredReadReplica: -1 };
    const partitions = ofPartitions.map((ofPartition, partitionIndex) => {
      const stored = ofPartition === 0 ? Buffer.from('stored') : null;
      return { partitionIndex, errorCode: ofPartition, aborted: null, stored, leader: null, ...offsets };
    });
    const topics = [{ topicId: '0192f3a4-0000-7000-8000-000000000000', partitions }];
    try {
      return parseAnswer(1, FETCH, 13, Reader.from(written({ errorCode, sessionId: 0, topics })));
    } catch (error) {
      return error;
    }
  };

  test('is there where partitions were refused', () => {
    expect(answerIn(refused(0, 1)).responses[0]?.partitions).toMatchObject([{ errorCode: 1, highWatermark: 9n }]);
  });

  test('is there where the library does not know why one was refused, and has the others', () => {
    const error = refused(0, UNKNOWN, 0);
    expect(answerIn(error).responses[0]?.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: UNKNOWN },
      { partitionIndex: 1, errorCode: 0, stored: Buffer.from('stored') },
    ]);
    const told = { errors: [{ apiId: 'UNKNOWN_SERVER_ERROR', serverErrorMessage: 'code 9999' }] };
    expect([error, refused(UNKNOWN)]).toMatchObject([told, told]);
  });

  test.for<[string, unknown]>([
    ['the whole fetch was refused', refused(70, 1)],
    ['it is of the connection', new Error('reset')],
  ])('is not where %s', ([, error]) => {
    expect(() => answerIn(error)).toThrow(error as Error);
  });
});
