// What is wrong with a hello before anybody asks who it is. Pure.
import { PROTOCOL_VERSION } from '../../schemas/protocol/codes.ts';
import type { Hello } from '../../schemas/protocol/frames.ts';
import type { Refused } from './admission.ts';

/** `stream` is that of the session, undefined before its first hello. */
export function helloProblem(hello: Hello, stream: string | undefined): Refused | undefined {
  if (hello.v !== PROTOCOL_VERSION) {
    const reason = `version ${PROTOCOL_VERSION} is spoken here`;
    return { ok: false, error: 'unsupportedVersion', reason, close: 'version' };
  }
  // Half of a surrogate pair would be another name on the log.
  if (!hello.stream.isWellFormed() || !hello.epoch.isWellFormed()) {
    return { ok: false, error: 'invalid', reason: 'stream and epoch must be well-formed text', close: 'protocol' };
  }
  if (stream === undefined || stream === hello.stream) return undefined;
  return { ok: false, error: 'protocolOrder', reason: `the stream of this session is ${stream}`, close: 'protocol' };
}
