// The identity of an event and the key derived from it: a UUID in version 7's layout, the time part from the event's own
// timestamp, the rest from SHA-256 over (source, identity, SHA-256 of the payload). Deterministic, so a re-send, a retry
// of an unknown append and a replay all get the same key; another body under the same identity gets another.
import { createHash } from 'node:crypto';
import type { IncomingEvent } from './generated.ts';

const TIMESTAMP_MS_MAX = 2 ** 48 - 1;
const ISO_TIME = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

export type EventIdentity = Pick<
  IncomingEvent,
  'source' | 'stream' | 'streamEpoch' | 'seq' | 'id' | 'gatewayEpoch' | 'ingestSeq'
>;

/** What makes two events the same: the source's own count, else the event's id, else the gateway's count. */
export function identityOf(event: EventIdentity): readonly (string | number)[] {
  if (event.stream !== null && event.streamEpoch !== null && event.seq !== null) {
    return ['seq', event.stream, event.streamEpoch, event.seq];
  }
  if (event.id !== null) return ['id', event.id];
  return ['ingest', event.gatewayEpoch, event.ingestSeq];
}

/**
 * Milliseconds since the Unix epoch of an ISO 8601 time with a zone (or a bare date, which is UTC by definition), undefined
 * for anything else. Stricter than Date.parse, which reads a time without a zone and many other texts in the machine's
 * own zone: two machines would derive two keys for one event. It also takes 30 February for 2 March.
 */
export function parseEventTime(timestamp: unknown): number | undefined {
  if (typeof timestamp !== 'string') return undefined;
  const match = ISO_TIME.exec(timestamp);
  if (match === null) return undefined;
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  if (day > 28 && day > daysIn(year, month)) return undefined;
  const timeMs = Date.parse(timestamp);
  return Number.isFinite(timeMs) ? timeMs : undefined;
}

/** Milliseconds of an event's own `timestamp`, or undefined where it is absent, unparseable or outside 0…2^48-1. */
export function eventTimeMs(timestamp: unknown): number | undefined {
  const timeMs = parseEventTime(timestamp);
  return timeMs !== undefined && timeMs >= 0 && timeMs <= TIMESTAMP_MS_MAX ? timeMs : undefined;
}

/** The event key as a lower-case UUID. `timestamp` is the value of the payload's field of that name. */
export function eventKey(event: EventIdentity, payload: Uint8Array, timestamp: unknown): string {
  const payloadHash = createHash('sha256').update(payload).digest('hex');
  const hash = createHash('sha256')
    .update(JSON.stringify([event.source, identityOf(event), payloadHash]))
    .digest();
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(eventTimeMs(timestamp) ?? 0, 0, 6);
  hash.copy(bytes, 6, 0, 10);
  return asUuid(bytes, 7);
}

/** A UUID (version 8: our own derivation) that is always the same for the same parts, e.g. a reply id. */
export function derivedUuid(...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest();
  return asUuid(hash.subarray(0, 16), 8);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function asUuid(bytes: Buffer, version: 7 | 8): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | (version << 4), 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
