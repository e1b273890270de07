// What pmc.v1 wants of an event frame beside being a JSON object: where it stands in its stream, and its sizes. Pure.
import { PROTOCOL_ERROR, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { kindOf } from './envelope.ts';
import type { Fields, Parsed, Refusal } from './parse-frame.ts';

/** As far as the frame says it; what it leaves out is the session's. */
export interface Standing {
  readonly stream: string | undefined;
  readonly epoch: string | undefined;
  readonly seq: number | undefined;
  readonly id: string | undefined;
}

const ID_LENGTH_MAX = 128;

/** Of whatever was sent: to say which one it was, also when it is refused. */
export function standingOf(fields: Fields | undefined): Standing {
  const { stream, epoch, seq, id } = fields ?? {};
  return {
    stream: typeof stream === 'string' ? stream : undefined,
    epoch: typeof epoch === 'string' ? epoch : undefined,
    seq: isSeq(seq) ? seq : undefined,
    id: typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX ? id : undefined,
  };
}

/** Why this event is not of its session. */
export function standingProblem(
  { stream, epoch }: Standing,
  session: { readonly stream: string; readonly isAnnounced: boolean },
): Refusal | undefined {
  const { forbidden, regressed } = PROTOCOL_ERROR;
  if (stream !== undefined && stream !== session.stream)
    return { code: forbidden.code, reason: `the stream of this session is ${session.stream}` };
  if (!session.isAnnounced) return { code: regressed.code, reason: `epoch ${epoch} was never announced` };
  return undefined;
}

/** Why this event cannot be taken, if it cannot. */
export function eventProblem(fields: Fields, frameBytes: number): Refusal | undefined {
  const { invalid, contentTooLarge } = PROTOCOL_ERROR;
  const { seq, stream, epoch } = fields;
  if (seq !== undefined && !isSeq(seq))
    return { code: invalid.code, reason: 'seq must be an integer from 1 to 2^53 - 2' };
  if (stream !== undefined && typeof stream !== 'string')
    return { code: invalid.code, reason: 'stream must be a string' };
  if (epoch !== undefined && typeof epoch !== 'string') return { code: invalid.code, reason: 'epoch must be a string' };
  // A frame smaller than a limit holds nothing that is larger.
  if (frameBytes <= PROTOCOL_LIMITS.metadataBytes) return undefined;
  for (const field of ['content', 'new_content']) {
    const value = fields[field];
    if (typeof value !== 'string' || Buffer.byteLength(value) <= PROTOCOL_LIMITS.contentBytes) continue;
    return { code: contentTooLarge.code, reason: `${field} has more than ${PROTOCOL_LIMITS.contentBytes} bytes` };
  }
  const { metadata } = fields;
  if (metadata !== undefined && Buffer.byteLength(JSON.stringify(metadata)) > PROTOCOL_LIMITS.metadataBytes) {
    return { code: contentTooLarge.code, reason: `metadata has more than ${PROTOCOL_LIMITS.metadataBytes} bytes` };
  }
  return undefined;
}

/** Nobody minds much when one of these is left out. */
export function isPassing(parsed: Parsed): boolean {
  if (!parsed.ok) return false;
  const kind = kindOf(parsed.fields);
  return kind === 'typing' || kind === 'presence';
}

function isSeq(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= PROTOCOL_LIMITS.seq;
}
