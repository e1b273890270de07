// A patch of kafkajs 2.2.4: `parse` of the answers to Metadata, src/protocol/requests/metadata/v0/response.js, which all versions share.
//
// Why. One partition without a leader makes an error of the whole answer. Once what a client knows is too old, nothing is appended to the
// neighbours of such a partition, nothing of them is fetched, and a group is not joined, for as long as that one has no leader.
//
// What differs. What is wrong with a partition is left in the answer, where its leader is -1: a broker that is not there, which the
// library has its own error for when that partition is appended to, and which it asks for nothing (leaders-to-come.ts has how long that is believed). What is wrong with a topic as a
// whole is the error that it was.
//
// How. In memory, as idle-timers.ts says, and only in the place of the text that was reviewed.
import { createRequire } from 'node:module';
import { assertReviewed } from '../../reviewed.ts';

/** Those that are spoken here (api-versions.ts). */
const VERSIONS = [4, 5, 6];
const REVIEWED_SHA256 = 'd30641109479478c76d49af2160f44f0e01fde6f8b3fddf0af301ae1df0103e3';
const ERRORS_MODULE = 'kafkajs/src/protocol/error.js';

interface Answer {
  readonly topicMetadata: readonly { readonly topicErrorCode: number }[];
}

type Parse = (answer: Answer) => Promise<Answer>;

export interface MetadataResponse {
  parse: Parse;
}

const require = createRequire(import.meta.url);

export function patchPartitionsWithoutLeader(
  responses: readonly MetadataResponse[] = VERSIONS.map(
    (version) => require(`kafkajs/src/protocol/requests/metadata/v${version}/response.js`) as MetadataResponse,
  ),
): void {
  for (const response of responses) {
    const installed = String(response.parse);
    if (installed === String(parse)) continue;
    assertReviewed('kafkajs/src/protocol/requests/metadata', installed, REVIEWED_SHA256);
    response.parse = parse;
  }
}

async function parse(answer: Answer): Promise<Answer> {
  const errors = require(ERRORS_MODULE) as { createErrorFromCode(code: number): Error };
  const refused = answer.topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
  if (refused !== undefined) throw errors.createErrorFromCode(refused.topicErrorCode);
  return answer;
}
