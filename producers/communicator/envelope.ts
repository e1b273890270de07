// A frame becomes an event in its envelope, or a rejected frame with a code; nothing else, and never an exception. Pure.
// The envelope only routes: the bytes the sender wrote travel unchanged.
import { hash } from 'node:crypto';
import type { EventKind, IncomingEvent, RejectedFrame } from '../../schemas/generated.ts';
import type { Fields, Frame, Refusal } from './parse-frame.ts';

export interface Receipt {
  readonly source: string;
  readonly connection: string;
  readonly gatewayEpoch: string;
  readonly ingestSeq: number;
  readonly receivedAt: number;
}

/** Where an event stands in the sequence that its source counts. */
export interface Place {
  readonly stream: string;
  readonly streamEpoch: string;
  readonly seq: number;
}

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

export function toEvent(fields: Fields, { bytes }: Frame, receipt: Receipt, place: Place | null): IncomingEvent {
  return {
    source: receipt.source,
    connection: receipt.connection,
    stream: place?.stream ?? null,
    streamEpoch: place?.streamEpoch ?? null,
    seq: place?.seq ?? null,
    gatewayEpoch: receipt.gatewayEpoch,
    ingestSeq: receipt.ingestSeq,
    receivedAt: receipt.receivedAt,
    kind: kindOf(fields),
    id: text(fields['id']),
    chat: text(fields['chat']),
    actor: actorOf(fields),
    type: text(fields['message_type']),
    payload: bytes,
  };
}

export function kindOf(fields: Fields): EventKind {
  const name = fields['event'];
  return typeof name === 'string' && KINDS.has(name) ? (name as EventKind) : 'unknown';
}

/** Kafka key: what must stay in order together. */
export function keyOf({ chat, actor, source }: Pick<IncomingEvent, 'chat' | 'actor' | 'source'>): string {
  return chat ?? actor ?? source;
}

/** The rejected frame for any reason, also for an event that the broker refused. */
export function toRejected(
  { bytes, isBinary }: Frame,
  receipt: Receipt,
  { code, reason }: Refusal,
  place: Place | null,
): RejectedFrame {
  return {
    ...receipt,
    code,
    reason,
    binary: isBinary,
    raw: bytes.subarray(0, RAW_KEPT_BYTES),
    sizeBytes: bytes.length,
    sha256: Buffer.from(sha256(bytes), 'hex'),
    stream: place?.stream ?? null,
    streamEpoch: place?.streamEpoch ?? null,
    seq: place?.seq ?? null,
  };
}

/** As hexadecimal text: a string costs less than a small buffer, and a header wants one. */
export function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}

function actorOf({ sender, reader, recipient, user, editor, deleted_by }: Fields): string | null {
  return text(sender) ?? text(reader) ?? text(recipient) ?? text(user) ?? text(editor) ?? text(deleted_by);
}

/** A name for routing. Avro's strings are UTF-8, which has no half of a surrogate pair; the payload keeps what was written. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
}
