import { NetworkError, produceV9, produceV10, produceV11, Reader, ResponseError } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { brokerErrorsOf } from './failures.ts';
import { writtenAnswer } from './produce-answer.testing.ts';
import { parseProduceAnswer, refusalIn } from './produce-answer.ts';

type ProduceResponse = ReturnType<typeof produceV9.parseResponse>;

const VERSIONS = [produceV9, produceV10, produceV11].map((one) => [one.api.version, one] as const);
const PARTITIONS = fc.uniqueArray(
  fc.record({
    topic: fc.constantFrom('a', 'b', 'c'),
    partition: fc.nat(3),
    offset: fc.bigInt({ min: -1n, max: 2n ** 62n }),
    leader: fc.option(fc.nat(100)),
    message: fc.option(fc.string({ minLength: 1 })),
    errorCode: fc.constantFrom<number[]>(0, 0, 0, 6, 10, 87),
    recordErrors: fc.array(fc.option(fc.string({ minLength: 1 })), { maxLength: 2 }),
  }),
  { selector: ({ topic, partition }) => `${topic}-${partition}` },
);

/** The answer also where the library makes an error of it. */
function answered(parse: () => ProduceResponse): ProduceResponse {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ResponseError) return error['response'] as ProduceResponse;
    throw error;
  }
}

test.for(VERSIONS)('an answer of version %s is read as the library reads it', ([version, { parseResponse }]) => {
  fc.assert(
    fc.property(PARTITIONS, (partitions) => {
      const bytes = writtenAnswer(partitions);
      const theirs = answered(() => parseResponse(0, 0, version, Reader.from(bytes))).responses.flatMap(
        ({ name, partitionResponses }) =>
          partitionResponses.map(({ index, errorCode, baseOffset }) => [name, index, errorCode, baseOffset]),
      );
      const reader = Reader.from(bytes);
      const ours = parseProduceAnswer(reader);
      expect(ours.map((one) => [one.topic, one.partition, one.errorCode, one.baseOffset])).toEqual(theirs);
      expect(reader.position).toBe(bytes.length);
    }),
  );
});

test('a refusal has the name and the texts that the broker gave it, and those of its records', () => {
  const refused = { topic: 'a', partition: 0, errorCode: 87, message: 'no', recordErrors: ['no key', null] };
  const [answer] = parseProduceAnswer(Reader.from(writtenAnswer([refused])));
  if (answer === undefined) throw new Error('nothing was read');
  const error = refusalIn(answer, 11);
  expect(brokerErrorsOf(error)).toEqual(['INVALID_RECORD']);
  expect(error).toMatchObject({ errors: [{ serverErrorMessage: 'no; record 0: no key; record 1: invalid' }] });
});

test.for([
  [5, 'LEADER_NOT_AVAILABLE', true],
  [6, 'NOT_LEADER_OR_FOLLOWER', true],
  [74, 'FENCED_LEADER_EPOCH', true],
  [19, 'NOT_ENOUGH_REPLICAS', false],
  [10, 'MESSAGE_TOO_LARGE', false],
  [9_999, 'UNKNOWN_SERVER_ERROR', false],
] as const)('whether the library looks for another leader after code %s', ([errorCode, name, isSought]) => {
  const error = refusalIn({ topic: 'a', partition: 0, errorCode, baseOffset: -1n, messages: [] }, 11);
  expect([NetworkError.isRetryable(error), brokerErrorsOf(error)]).toEqual([isSought, [name]]);
});
