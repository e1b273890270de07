// The second digest: what the derived columns of a row have to hold, worked out anew from the record, apart from the code
// that wrote the row. Both sides hash the same bytes, PostgreSQL's own binary form of a record (`record_send`): no column can
// borrow from its neighbour, and null is not the empty text. Left out are the columns that do not come from the record
// (status, created_at), flags, and raw_payload, which the first digest has. Pure.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { eventKey, identityOf, parseEventTime } from '../../schemas/event-key.ts';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { first6, payloadHash } from './digest.ts';

/** In the order in which both sides hash them. */
export const DERIVED_COLUMNS = [
  'record_offset',
  'id',
  'timestamp',
  'sender',
  'type',
  'source',
  'event_id',
  'kind',
  'chat',
  'actor',
  'content',
  'ref_id',
  'stream',
  'stream_epoch',
  'seq',
  'gateway_epoch',
  'ingest_seq',
  'received_at',
] as const;

const INT8 = 20;
const TEXT = 25;
const TIMESTAMPTZ = 1_184;
const UUID = 2_950;

/** Of text columns; an event of kind `unknown` keeps a `content` it may have. */
const CONTENT_MEMBER: Readonly<Partial<Record<EventKind, string>>> = {
  message: 'content',
  unknown: 'content',
  edit: 'new_content',
  reaction: 'reaction',
};
const NAMES_A_MESSAGE: ReadonlySet<EventKind> = new Set(['read', 'delivered', 'reaction', 'edit', 'delete']);
const NAME_CHARS_MAX = 512;
const TYPE_CHARS_MAX = 64;
const CONTENT_BYTES_MAX = 16_384;
const POSTGRES_EPOCH_MS = 946_684_800_000;
const YEAR_1_MS = -62_135_596_800_000;
const YEAR_10000_MS = 253_402_300_800_000;

/** The event key as text, as the row's id has it. */
export function derivedKey(event: IncomingEvent): string {
  return eventKey(event, event.payload, memberOf(membersOf(event.payload), 'timestamp'));
}

/**
 * The first 6 bytes of SHA-256 over the columns, as a whole number. `recordTimestampMs` is the record's own time on the log,
 * which stands in for a time of receipt that no column can hold.
 */
export function derivedHash(
  event: IncomingEvent,
  offset: bigint,
  recordTimestampMs: number,
  payloadSha256 = payloadHash(event.payload),
): number {
  const members = membersOf(event.payload);
  const timeMs = parseEventTime(memberOf(members, 'timestamp'));
  const contentMember = CONTENT_MEMBER[event.kind];
  at = 4;
  bigints(offset);
  key(event, timeMs, payloadSha256);
  time(timeMs !== undefined && isStorable(timeMs) ? timeMs : null);
  name(event.actor);
  name(event.kind === 'message' ? event.type : event.kind, TYPE_CHARS_MAX);
  name(event.source);
  name(event.id);
  name(event.kind);
  name(event.chat);
  name(event.actor);
  content(contentMember === undefined ? null : textOf(members, contentMember));
  name(NAMES_A_MESSAGE.has(event.kind) ? textOf(members, 'message_id') : null);
  name(event.stream);
  name(event.streamEpoch);
  bigints(event.seq === null ? null : BigInt(event.seq));
  name(event.gatewayEpoch);
  bigints(BigInt(event.ingestSeq));
  time(isStorable(event.receivedAt) ? event.receivedAt : isStorable(recordTimestampMs) ? recordTimestampMs : 0);
  view.setInt32(0, DERIVED_COLUMNS.length);
  return first6(hash('sha256', bytes.subarray(0, at), 'hex'));
}

/** Written over by each call: twelve names of at most 512 characters and a content of 16 KiB fit. */
const bytes = Buffer.alloc(65_536);
/** Several times as fast as the buffer's own way to write a number. */
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
let at = 4;

function header(type: number, sizeBytes: number): void {
  view.setInt32(at, type);
  view.setInt32(at + 4, sizeBytes);
  at += 8;
}

function bigints(value: bigint | null): void {
  if (value === null) return header(INT8, -1);
  header(INT8, 8);
  view.setBigInt64(at, value);
  at += 8;
}

function time(timeMs: number | null): void {
  if (timeMs === null) return header(TIMESTAMPTZ, -1);
  header(TIMESTAMPTZ, 8);
  view.setBigInt64(at, BigInt(Math.trunc(timeMs - POSTGRES_EPOCH_MS)) * 1_000n);
  at += 8;
}

/** The bytes of the event key: 6 of the event's own time, 10 of the digest with version 7 and the variant written over theirs. */
function key(event: IncomingEvent, timeMs: number | undefined, payloadSha256: string): void {
  header(UUID, 16);
  const kept = timeMs !== undefined && timeMs >= 0 && timeMs < 2 ** 48 ? timeMs : 0;
  view.setUint16(at, kept / 2 ** 32);
  view.setUint32(at + 2, kept % 2 ** 32);
  const digest = hash('sha256', JSON.stringify([event.source, identityOf(event), payloadSha256]), 'binary');
  for (let index = 0; index < 10; index += 1) view.setUint8(at + 6 + index, digest.charCodeAt(index));
  view.setUint8(at + 6, 0x70 | (digest.charCodeAt(0) & 0x0f));
  view.setUint8(at + 8, 0x80 | (digest.charCodeAt(2) & 0x3f));
  at += 16;
}

function name(value: string | null, charsMax = NAME_CHARS_MAX): void {
  if (value === null) return header(TEXT, -1);
  let kept = storable(value);
  if (kept.length > charsMax) {
    const last = kept.charCodeAt(charsMax - 1);
    kept = kept.slice(0, last >= 0xd800 && last <= 0xdbff ? charsMax - 1 : charsMax);
  }
  const size = bytes.write(kept, at + 8, 'utf8');
  header(TEXT, size);
  at += size;
}

function content(value: string | null): void {
  if (value === null) return header(TEXT, -1);
  // `write` never writes a part of a character, so it cuts where the column is cut.
  const size = bytes.write(storable(value), at + 8, CONTENT_BYTES_MAX, 'utf8');
  header(TEXT, size);
  at += size;
}

/** PostgreSQL's text takes neither U+0000 nor half of a surrogate pair. */
function storable(value: string): string {
  const text = value.isWellFormed() ? value : value.toWellFormed();
  return text.includes('\u0000') ? text.replaceAll('\u0000', '\uFFFD') : text;
}

function isStorable(timeMs: number): boolean {
  return timeMs >= YEAR_1_MS && timeMs < YEAR_10000_MS;
}

function memberOf(members: Readonly<Record<string, unknown>>, member: string): unknown {
  return Object.hasOwn(members, member) ? members[member] : undefined;
}

function textOf(members: Readonly<Record<string, unknown>>, member: string): string | null {
  const value = memberOf(members, member);
  return typeof value === 'string' ? value : null;
}

/** The members of the payload's object; none where it is no object, and such a payload becomes no row or one without. */
function membersOf(payload: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : {};
  } catch {
    return {};
  }
}
