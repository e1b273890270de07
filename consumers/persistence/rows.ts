// Pure: one decoded event and its coordinates become one row of message_metadata. Never throws, whatever a sender wrote: what
// does not fit a derived column becomes null or is cut, and `flags` says so. Only raw_payload is the sender's text, exactly;
// a payload that cannot be kept exactly (not UTF-8, not JSON) is no row but a reason for the quarantine.

import {
  type ColumnText,
  columnText,
  columnTextBytes,
  isColumnText,
  NAME_CHARS_MAX,
} from '../../schemas/column-text.ts';
import type { messageMetadata } from '../../schemas/database/tables.ts';
import { eventKeyAt, identityKey, parseEventTime } from '../../schemas/event-key.ts';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { PmcError } from '../../service/errors.ts';

/** Every column that persistence writes: all but those with a default of the database. A new column does not compile here. */
export type Row = Readonly<
  Omit<typeof messageMetadata.$inferSelect, 'status' | 'createdAt' | 'rawPayload' | 'flags'>
> & {
  readonly rawPayload: string;
  readonly flags: readonly Flag[];
};

/** `conflict` is not of the record alone: another body is stored under its identity, and its row has the flag as well. */
export type Flag =
  | ('sanitised' | 'truncated' | 'wrong-type' | 'bad-timestamp' | 'bad-received-at' | 'not-an-object')
  | 'conflict';

export interface Coordinates {
  readonly incarnation: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The record's timestamp in milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

export type RowOrReason = { readonly ok: true; readonly row: Row } | { readonly ok: false; readonly error: PmcError };

const NO_FLAGS: readonly Flag[] = [];

/** Of one row; most have none. */
class Flags {
  #all: readonly Flag[] = NO_FLAGS;

  get all(): readonly Flag[] {
    return this.#all;
  }

  add(flag: Flag): void {
    if (!this.#all.includes(flag)) this.#all = [...this.#all, flag];
  }
}

const TYPE_CHARS_MAX = 64;
const CONTENT_BYTES_MAX = 16_384;
const YEAR_1_MS = Date.parse('0001-01-01T00:00:00Z');
const YEAR_10000_MS = Date.parse('+010000-01-01T00:00:00Z');

const REFERENCING: ReadonlySet<EventKind> = new Set(['read', 'delivered', 'reaction', 'edit', 'delete']);
const CONTENT_FIELD: Readonly<Record<EventKind, string | null>> = {
  message: 'content',
  edit: 'new_content',
  reaction: 'reaction',
  typing: null,
  read: null,
  delivered: null,
  presence: null,
  delete: null,
  connection: null,
  unknown: 'content',
};

export function toRow(event: IncomingEvent, at: Coordinates): RowOrReason {
  const payload = parsePayload(event.payload);
  if (!payload.ok) return payload;
  const { fields, text } = payload;
  const flags = new Flags();
  const timeText = textField(fields, 'timestamp', flags);
  const timeMs = timeText === null ? undefined : parseEventTime(timeText);
  if (!payload.isObject) flags.add('not-an-object');
  // The communicator leaves these null when they are not text: the payload tells whether there was something.
  if (event.id === null) textField(fields, 'id', flags);
  if (event.chat === null) textField(fields, 'chat', flags);
  if (event.kind === 'message' && event.type === null) textField(fields, 'message_type', flags);

  const contentField = CONTENT_FIELD[event.kind];
  const content = contentField === null ? null : textField(fields, contentField, flags);
  const actor = optionalName(event.actor, flags);
  const type = event.kind === 'message' ? event.type : event.kind;

  const row: Row = {
    id: eventKeyAt(event, event.payload, timeMs),
    timestamp: timeText === null ? null : eventTime(timeMs, flags),
    sender: actor,
    type: type === null ? null : kept(type, TYPE_CHARS_MAX, flags),
    rawPayload: text,
    incarnation: at.incarnation,
    partition: at.partition,
    recordOffset: at.offset,
    source: name(event.source, flags),
    eventId: optionalName(event.id, flags),
    kind: event.kind,
    chat: optionalName(event.chat, flags),
    actor,
    content: content === null ? null : flagged(columnTextBytes(content, CONTENT_BYTES_MAX), flags),
    refId: REFERENCING.has(event.kind) ? optionalName(textField(fields, 'message_id', flags), flags) : null,
    stream: optionalName(event.stream, flags),
    streamEpoch: optionalName(event.streamEpoch, flags),
    seq: event.seq === null ? null : BigInt(event.seq),
    gatewayEpoch: name(event.gatewayEpoch, flags),
    ingestSeq: BigInt(event.ingestSeq),
    receivedAt: receivedAt(event.receivedAt, at.timestampMs, flags),
    identity: identityKey(event),
    // Last: what comes before may add to them.
    flags: flags.all,
  };
  return { ok: true, row };
}

type Fields = Readonly<Record<string, unknown>>;
type Payload =
  | { readonly ok: true; readonly text: string; readonly fields: Fields; readonly isObject: boolean }
  | { readonly ok: false; readonly error: PmcError };

function parsePayload(bytes: Buffer): Payload {
  const refuse = (message: string, cause?: unknown): Payload => ({
    ok: false,
    error: new PmcError('PMC_PERSISTENCE_PAYLOAD', message, { sizeBytes: bytes.length }, { cause }),
  });
  const text = bytes.toString('utf8');
  // Decoding replaces what is not UTF-8 by U+FFFD: only a text with one in it needs the comparison.
  if (text.includes('\uFFFD') && !Buffer.from(text).equals(bytes)) return refuse('the payload is not UTF-8');
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return { ok: true, text, fields: isObject ? (parsed as Fields) : {}, isObject };
  } catch (error) {
    return refuse('the payload is not JSON', error);
  }
}

/** A field's text; null where it is absent or null, and null with a flag where it is anything else. */
function textField(fields: Fields, field: string, flags: Flags): string | null {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (typeof value === 'string') return value;
  if (value !== undefined && value !== null) flags.add('wrong-type');
  return null;
}

function name(original: string, flags: Flags): string {
  return kept(original, NAME_CHARS_MAX, flags);
}

function optionalName(original: string | null, flags: Flags): string | null {
  return original === null ? null : name(original, flags);
}

function kept(original: string, charsMax: number, flags: Flags): string {
  return isColumnText(original, charsMax) ? original : flagged(columnText(original, charsMax), flags);
}

function flagged(column: ColumnText, flags: Flags): string {
  if (column.isSanitised) flags.add('sanitised');
  if (column.isTruncated) flags.add('truncated');
  return column.text;
}

/** The event's own time where it is one and in years 1…9999, which both PostgreSQL and ISO 8601 with four digits take. */
function eventTime(timeMs: number | undefined, flags: Flags): Date | null {
  if (timeMs !== undefined && isStorableTime(timeMs)) return new Date(timeMs);
  flags.add('bad-timestamp');
  return null;
}

/** The column is not null: what the communicator wrote, else the record's timestamp, else the epoch itself. */
function receivedAt(receivedAtMs: number, recordTimestampMs: number, flags: Flags): Date {
  if (isStorableTime(receivedAtMs)) return new Date(receivedAtMs);
  flags.add('bad-received-at');
  return new Date(isStorableTime(recordTimestampMs) ? recordTimestampMs : 0);
}

function isStorableTime(timeMs: number): boolean {
  return timeMs >= YEAR_1_MS && timeMs < YEAR_10000_MS;
}
