// The identity of an event and the key derived from it: a UUID in version 7's layout, the time part from the event's own
// timestamp, the rest from SHA-256 over (source, identity, SHA-256 of the payload). Deterministic, so a re-send, a retry
// of an unknown append and a replay all get the same key; another body under the same identity gets another. The identity key
// is the same for both of them: it is how they are found to be two bodies of one event.
import { hash } from 'node:crypto';
import type { IncomingEvent } from './generated.ts';

const TIMESTAMP_MS_MAX = 2 ** 48 - 1;
const ISO_TIME = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

const UUID_DIGITS = 32;
/** A UUID is put together here; its dashes stay. */
const ASSEMBLED = Buffer.from('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx');
const VERSION_AT = 14;
const VARIANT_AT = 19;
/** Codes of digits. */
const VERSION_DIGIT = { 7: 0x37, 8: 0x38 } as const;
const VARIANT_DIGITS = '89ab';

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
  if (!ISO_TIME.test(timestamp)) return undefined;
  const yearDigits = timestamp.indexOf('-', 1);
  const day = Number(timestamp.slice(yearDigits + 4, yearDigits + 6));
  if (day > 28) {
    const year = Number(timestamp.slice(0, yearDigits));
    if (day > daysIn(year, Number(timestamp.slice(yearDigits + 1, yearDigits + 3)))) return undefined;
  }
  const timeMs = Date.parse(timestamp);
  return Number.isFinite(timeMs) ? timeMs : undefined;
}

/** Milliseconds of an event's own `timestamp`, or undefined where it is absent, unparseable or outside 0…2^48-1. */
export function eventTimeMs(timestamp: unknown): number | undefined {
  return keptInKey(parseEventTime(timestamp));
}

function keptInKey(timeMs: number | undefined): number | undefined {
  return timeMs !== undefined && timeMs >= 0 && timeMs <= TIMESTAMP_MS_MAX ? timeMs : undefined;
}

/** The event key as a lower-case UUID. `timestamp` is the value of the payload's field of that name. */
export function eventKey(
  event: EventIdentity,
  payload: Uint8Array,
  timestamp: unknown,
  payloadSha256?: string,
): string {
  return eventKeyAt(event, payload, parseEventTime(timestamp), payloadSha256);
}

/** The same for who has parsed the event's own time already, and perhaps has the payload's hash (hexadecimal). */
export function eventKeyAt(
  event: EventIdentity,
  payload: Uint8Array,
  timeMs: number | undefined,
  payloadSha256: string = hash('sha256', payload, 'hex'),
): string {
  const digest = hash('sha256', JSON.stringify([event.source, identityOf(event), payloadSha256]), 'hex');
  return asUuid((keptInKey(timeMs) ?? 0).toString(16).padStart(12, '0') + digest, 7);
}

/** Of any version, as we write them. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A UUID (version 8: our own derivation) that is always the same for the same parts, e.g. a reply id. */
export function derivedUuid(...parts: readonly string[]): string {
  return asUuid(hash('sha256', JSON.stringify(parts), 'hex'), 8);
}

/**
 * The identity as 128 bits in the form of a UUID, whatever length its parts have. Of what is counted, by the source or by the
 * gateway, the low half is the number itself, so that neighbours are neighbours in an index.
 */
export function identityKey(event: EventIdentity): string {
  const [kind, ...rest] = identityOf(event);
  const number = kind === 'id' ? undefined : rest.pop();
  const digest = hash('sha256', JSON.stringify([kind, event.source, ...rest]), 'hex');
  if (number === undefined) return inGroups(digest);
  return inGroups(digest.slice(0, 16) + BigInt.asUintN(64, BigInt(number)).toString(16).padStart(16, '0'));
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** The first 32 hexadecimal digits with the version and the variant written over theirs. */
function asUuid(hex: string, version: keyof typeof VERSION_DIGIT): string {
  assemble(hex);
  ASSEMBLED[VERSION_AT] = VERSION_DIGIT[version];
  ASSEMBLED[VARIANT_AT] = VARIANT_DIGITS.charCodeAt(Number.parseInt(hex.charAt(16), 16) & 3);
  return ASSEMBLED.toString('latin1');
}

/** The first 32 hexadecimal digits as a UUID. */
function inGroups(hex: string): string {
  assemble(hex);
  return ASSEMBLED.toString('latin1');
}

/** In one place: two of them for every row, from slices and templates, were a third of the garbage that persistence makes. */
function assemble(hex: string): void {
  let at = 0;
  for (let index = 0; index < UUID_DIGITS; index += 1) {
    if (index === 8 || index === 12 || index === 16 || index === 20) at += 1;
    ASSEMBLED[at] = hex.charCodeAt(index);
    at += 1;
  }
}
