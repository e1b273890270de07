// An incoming event as Avro, field by field as schemas/avro/incoming-event.avsc has them, and with the very bytes that the library would
// write of well-formed texts: of all that the log holds this alone is written for every frame, and there the library cost a tenth of the gateway. Pure.
import { AVRO_SCHEMAS, type EventKind, type IncomingEvent } from '../schemas/generated.ts';
import { writeVarint } from './varint.ts';
import { UTF8_BYTES_MAX, writeSizedText } from './write-text.ts';

/** Which of the two a union is: `["null", …]`. */
const [NULL, VALUE] = [0, 1];
const KINDS = new Map<EventKind, number>(
  AVRO_SCHEMAS.IncomingEvent.fields[8].type.symbols.map((kind, at) => [kind, at]),
);
/** The largest that the library reads. */
const NUMBER_MAX = 2 ** 53 - 2;
/** More than the tags, lengths and numbers of all fields. */
const OVERHEAD_BYTES = 160;

/** At least what `writeEvent` takes, and what is less is a RangeError there; found without looking at any text. */
export function eventBytesMax(event: IncomingEvent): number {
  const units =
    event.source.length +
    event.connection.length +
    event.gatewayEpoch.length +
    unitsOf(event.stream) +
    unitsOf(event.streamEpoch) +
    unitsOf(event.id) +
    unitsOf(event.chat) +
    unitsOf(event.actor) +
    unitsOf(event.type);
  return OVERHEAD_BYTES + units * UTF8_BYTES_MAX + event.payload.length;
}

/** Into a buffer with room for it; returns where the next byte goes. Throws a RangeError for a number that is none of the schema's. */
export function writeEvent(event: IncomingEvent, to: Buffer, from: number): number {
  return writeUnder(event, to, writeSession(event, to, from));
}

/** The fields that an event begins with. */
export type SessionFields = Pick<IncomingEvent, 'source' | 'connection' | 'stream' | 'streamEpoch'>;

export function writeSession(
  { source, connection, stream, streamEpoch }: SessionFields,
  to: Buffer,
  from: number,
): number {
  const at = writeSizedText(to, connection, writeSizedText(to, source, from));
  return writeMaybe(to, streamEpoch, writeMaybe(to, stream, at));
}

/** All fields behind those. */
export function writeUnder(event: IncomingEvent, to: Buffer, from: number): number {
  const { seq, payload } = event;
  let at = writeVarint(to, from, seq === null ? NULL : VALUE);
  if (seq !== null) at = writeLong(to, seq, at);
  at = writeSizedText(to, event.gatewayEpoch, at);
  at = writeLong(to, event.ingestSeq, at);
  at = writeLong(to, event.receivedAt, at);
  at = writeLong(to, KINDS.get(event.kind) ?? Number.NaN, at);
  at = writeMaybe(to, event.id, at);
  at = writeMaybe(to, event.chat, at);
  at = writeMaybe(to, event.actor, at);
  at = writeMaybe(to, event.type, at);
  at = writeVarint(to, at, payload.length);
  to.set(payload, at);
  return at + payload.length;
}

/** The payload's own bytes in an event that was written here: it is the last of the fields. */
export function payloadOf(written: Buffer, sizeBytes: number): Buffer {
  return written.subarray(written.length - sizeBytes);
}

function writeMaybe(to: Buffer, text: string | null, at: number): number {
  if (text === null) return writeVarint(to, at, NULL);
  return writeSizedText(to, text, writeVarint(to, at, VALUE));
}

function writeLong(to: Buffer, value: number, at: number): number {
  if (!Number.isInteger(value) || value < 0 || value > NUMBER_MAX)
    throw new RangeError(`${value} is no number of an event`);
  return writeVarint(to, at, value);
}

function unitsOf(text: string | null): number {
  return text === null ? 0 : text.length;
}
