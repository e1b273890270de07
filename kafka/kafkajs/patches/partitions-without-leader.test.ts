import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import '../client.ts';
import { type MetadataResponse, patchPartitionsWithoutLeader } from './partitions-without-leader.ts';

const LEADER_NOT_AVAILABLE = 5;
const TOPIC_AUTHORIZATION_FAILED = 29;
const require = createRequire(import.meta.url);

const answer = (topicErrorCode: number, partitionErrorCode: number) => ({
  brokers: [],
  topicMetadata: [
    { topic: 'a', topicErrorCode: 0, partitionMetadata: [{ partitionErrorCode: 0, partitionId: 0, leader: 1 }] },
    { topic: 'b', topicErrorCode, partitionMetadata: [{ partitionErrorCode, partitionId: 0, leader: -1 }] },
  ],
});

describe.for([4, 5, 6])("the library's answers to Metadata, version %s, once a client file was loaded", (version) => {
  const path = `kafkajs/src/protocol/requests/metadata/v${version}/response.js`;
  const response = require(path) as MetadataResponse;

  test('row 40 · tell of a topic of which a partition has no leader', async () => {
    expect(await response.parse(answer(0, LEADER_NOT_AVAILABLE))).toEqual(answer(0, LEADER_NOT_AVAILABLE));
  });

  test.for([
    [TOPIC_AUTHORIZATION_FAILED, 0, 'TOPIC_AUTHORIZATION_FAILED'],
    [TOPIC_AUTHORIZATION_FAILED, LEADER_NOT_AVAILABLE, 'TOPIC_AUTHORIZATION_FAILED'],
    [LEADER_NOT_AVAILABLE, 0, 'LEADER_NOT_AVAILABLE'],
  ] as const)('are an error where a topic has code %s', async ([topicError, partitionError, type]) => {
    await expect(response.parse(answer(topicError, partitionError))).rejects.toMatchObject({ type });
  });
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const before: MetadataResponse['parse'] = (given) => Promise.resolve(given);
  const changed = { parse: before };
  expect(() => patchPartitionsWithoutLeader([changed])).toThrow('is not the text that this patch was reviewed for');
  expect(changed.parse).toBe(before);
  patchPartitionsWithoutLeader();
});
