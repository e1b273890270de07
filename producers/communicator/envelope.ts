// A frame becomes an event in its envelope, or a rejected frame with a code; nothing else, and never an exception. Pure.
// The envelope only routes: the bytes the sender wrote travel unchanged.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { EventKind, IncomingEvent, RejectedFrame } from '../../schemas/generated.ts';
import { FRAME_BYTES_MAX } from './config.ts';
import { jsonDepth } from './json-depth.ts';

export interface Receipt {
  readonly source: string;
  readonly connection: string;
  readonly gatewayEpoch: string;
  readonly ingestSeq: number;
  readonly receivedAt: number;
}

export interface Frame {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

export type Enveloped =
  | { readonly kind: 'event'; readonly event: IncomingEvent; readonly sha256: Buffer }
  | { readonly kind: 'rejected'; readonly rejected: RejectedFrame };

export const REJECTION = { malformed: 104, invalid: 105, frameTooLarge: 107, logRefused: 111 } as const;

const NESTING_MAX = 16;
const RAW_KEPT_BYTES = 65_536;
const KINDS: ReadonlySet<string> = new Set<EventKind>([
  'message',
  'typing',
  'read',
  'delivered',
  'presence',
  'reaction',
  'edit',
  'delete',
  'connection',
]);
const ACTOR_FIELDS = ['sender', 'reader', 'recipient', 'user', 'editor', 'deleted_by'] as const;

export function toEnvelope(frame: Frame, receipt: Receipt): Enveloped {
  const parsed = parseFrame(frame);
  if (!parsed.ok) return { kind: 'rejected', rejected: rejectedFrame(frame, receipt, parsed.code, parsed.reason) };
  const { fields } = parsed;
  const name = text(fields['event']);
  const actor = ACTOR_FIELDS.map((field) => text(fields[field])).find((value) => value !== null) ?? null;
  const event: IncomingEvent = {
    source: receipt.source,
    connection: receipt.connection,
    stream: null,
    streamEpoch: null,
    seq: null,
    gatewayEpoch: receipt.gatewayEpoch,
    ingestSeq: receipt.ingestSeq,
    receivedAt: receipt.receivedAt,
    kind: name !== null && KINDS.has(name) ? (name as EventKind) : 'unknown',
    id: text(fields['id']),
    chat: text(fields['chat']),
    actor,
    type: text(fields['message_type']),
    payload: frame.bytes,
  };
  return { kind: 'event', event, sha256: sha256(frame.bytes) };
}

/** Kafka key: what must stay in order together. */
export function keyOf({ chat, actor, source }: Pick<IncomingEvent, 'chat' | 'actor' | 'source'>): string {
  return chat ?? actor ?? source;
}

/** The rejected frame for any reason, also for an event that the broker refused. */
export function rejectedFrame(
  { bytes, isBinary }: Frame,
  receipt: Receipt,
  code: number,
  reason: string,
): RejectedFrame {
  return {
    ...receipt,
    code,
    reason,
    binary: isBinary,
    raw: bytes.subarray(0, RAW_KEPT_BYTES),
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
  };
}

type Parsed =
  | { readonly ok: true; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: number; readonly reason: string };

function parseFrame({ bytes, isBinary }: Frame): Parsed {
  const refuse = (code: number, reason: string): Parsed => ({ ok: false, code, reason });
  if (bytes.length > FRAME_BYTES_MAX) {
    return refuse(REJECTION.frameTooLarge, `the frame has ${bytes.length} bytes, the limit is ${FRAME_BYTES_MAX}`);
  }
  if (isBinary) return refuse(REJECTION.malformed, 'the frame is binary, a JSON text is expected');
  if (!isUtf8(bytes)) return refuse(REJECTION.malformed, 'the frame is not valid UTF-8');
  if (jsonDepth(bytes) > NESTING_MAX)
    return refuse(REJECTION.invalid, `the JSON nests deeper than ${NESTING_MAX} levels`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return refuse(REJECTION.malformed, 'the frame is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(REJECTION.invalid, 'the frame is JSON but not an object');
  }
  return { ok: true, fields: value as Readonly<Record<string, unknown>> };
}

/** A name for routing. Avro's strings are UTF-8, which has no half of a surrogate pair; the payload keeps what was written. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
