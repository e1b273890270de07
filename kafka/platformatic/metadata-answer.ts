// An answer to a Metadata request. The library makes an error of all of it where one partition has no leader: its neighbours could not be
// appended to or fetched then, and a member of a group would not beat. Here such a partition has -1 for its leader, as brokers write it,
// which the library takes for a broker that is not there; what is wrong with a topic as a whole stays an error.
import { createAPI, metadataV10, metadataV11, metadataV12, ResponseError } from '@platformatic/kafka';

type Answer = ReturnType<typeof metadataV12.parseResponse>;

const METADATA = 3;

/** By version: those with topic ids. */
export const METADATA_APIS = new Map(
  [metadataV10, metadataV11, metadataV12].map(({ api: { version }, createRequest, parseResponse }) => [
    version,
    createAPI<unknown[], Answer>(METADATA, version, createRequest, (...answer): Answer => {
      try {
        return parseResponse(...answer);
      } catch (error) {
        return withoutLeaders(error);
      }
    }),
  ]),
);

/** The answer in an error of partitions. */
function withoutLeaders(error: unknown): Answer {
  const answer: unknown = error instanceof ResponseError ? error['response'] : undefined;
  if (isOfSoundTopics(answer)) return answer;
  throw error;
}

function isOfSoundTopics(answer: unknown): answer is Answer {
  if (typeof answer !== 'object' || answer === null || !('topics' in answer) || !Array.isArray(answer.topics))
    return false;
  return answer.topics.every(({ errorCode }: Answer['topics'][number]) => errorCode === 0);
}
