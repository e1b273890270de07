// An incoming event read where it lies on the log, in one pass over its bytes, field by field as schemas/avro/incoming-event.avsc has
// them: what the library makes of it, an object of copies, costs more than its hash. For values that were written with that very
// schema only; whatever is not just so is left to the library (undefined). Pure.
import { AVRO_SCHEMAS, type EventKind, type IncomingEvent } from '../../schemas/generated.ts';

/** What the ledgers want to know of an event. */
export type Envelope = Pick<
  IncomingEvent,
  'gatewayEpoch' | 'ingestSeq' | 'receivedAt' | 'source' | 'stream' | 'streamEpoch' | 'seq'
>;

/** The same, the text, and whose it is. */
export type Content = Envelope & Pick<IncomingEvent, 'id' | 'payload'>;

/** The registry's: a zero byte and the schema id. */
const HEADER_BYTES = 5;
/** Numbers of more bytes need more bits than a double has. */
const LONG_BYTES_MAX = 7;
const ASCII_MAX = 127;
/** chat, actor, type. */
const AFTER_ID = 3;
const KINDS: readonly EventKind[] = AVRO_SCHEMAS.IncomingEvent.fields[8].type.symbols;

/** Which text of the event before one is compared with: it is nearly always the same, and then need not be made again. */
const SLOT = { source: 0, connection: 1, stream: 2, streamEpoch: 3, gatewayEpoch: 4, chat: 5, actor: 6, type: 7 };
const before: string[] = Object.values(SLOT).map(() => '');

/** What is read, how far, and whether it is anything but what such an event is. */
let bytes: Buffer = Buffer.alloc(0);
let at = 0;
let isOdd = false;

/** All of an event; its payload is a part of `value`, not a copy. */
export function readEvent(value: Buffer): IncomingEvent | undefined {
  begin(value);
  const source = text(SLOT.source);
  const connection = text(SLOT.connection);
  const counted = readCount();
  const gatewayEpoch = text(SLOT.gatewayEpoch);
  const ingestSeq = long();
  const receivedAt = long();
  const kind = KINDS[long()];
  const id = isThere() ? fresh() : null;
  const chat = isThere() ? text(SLOT.chat) : null;
  const actor = isThere() ? text(SLOT.actor) : null;
  const type = isThere() ? text(SLOT.type) : null;
  const payload = rest();
  if (isOdd || kind === undefined) return undefined;
  return { source, connection, ...counted, gatewayEpoch, ingestSeq, receivedAt, kind, id, chat, actor, type, payload };
}

/** What the ledgers want to know of it, its text, and whose that is. */
export function readContent(value: Buffer): Content | undefined {
  begin(value);
  const source = text(SLOT.source);
  pass();
  const { stream, streamEpoch, seq } = readCount();
  const gatewayEpoch = text(SLOT.gatewayEpoch);
  const ingestSeq = long();
  const receivedAt = long();
  const kind = KINDS[long()];
  const id = isThere() ? fresh() : null;
  for (let left = AFTER_ID; left > 0; left -= 1) if (isThere()) pass();
  const payload = rest();
  if (isOdd || kind === undefined) return undefined;
  return { source, stream, streamEpoch, seq, gatewayEpoch, ingestSeq, receivedAt, id, payload };
}

function begin(value: Buffer): void {
  bytes = value;
  at = HEADER_BYTES;
  isOdd = false;
}

function readCount(): Pick<IncomingEvent, 'stream' | 'streamEpoch' | 'seq'> {
  const stream = isThere() ? text(SLOT.stream) : null;
  const streamEpoch = isThere() ? text(SLOT.streamEpoch) : null;
  const seq = isThere() ? long() : null;
  return { stream, streamEpoch, seq };
}

/** Which branch a union with null has: the second is the one that is there. */
function isThere(): boolean {
  const branch = long();
  if (branch !== 0 && branch !== 1) isOdd = true;
  return branch === 1;
}

/** A whole number as Avro writes it: seven bits a byte, the lowest first, its sign in the lowest. */
function long(): number {
  let value = 0;
  let unit = 1;
  for (let index = 0; index < LONG_BYTES_MAX; index += 1) {
    // Past the end there is one more to come, for ever.
    const byte = bytes[at] ?? ASCII_MAX + 1;
    at += 1;
    value += (byte & ASCII_MAX) * unit;
    if (byte <= ASCII_MAX) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    unit *= 128;
  }
  isOdd = true;
  return 0;
}

/** Moves over what follows its own length; returns where it began. */
function pass(): number {
  const length = long();
  const from = at;
  if (length < 0 || from + length > bytes.length) isOdd = true;
  else at += length;
  return from;
}

function fresh(): string {
  const from = pass();
  return bytes.toString('utf8', from, at);
}

/** The payload, which is the last: anything behind it is odd. */
function rest(): Buffer {
  const from = pass();
  if (at !== bytes.length) isOdd = true;
  return bytes.subarray(from, at);
}

function text(slot: number): string {
  const from = pass();
  const known = before[slot] ?? '';
  if (isText(known, from)) return known;
  const value = bytes.toString('utf8', from, at);
  before[slot] = value;
  return value;
}

/** Whether the bytes from there on are this text, and ASCII: of other characters a code is no byte. */
function isText(known: string, from: number): boolean {
  if (known.length !== at - from) return false;
  for (let index = 0; index < known.length; index += 1) {
    const code = known.charCodeAt(index);
    if (code > ASCII_MAX || code !== bytes[from + index]) return false;
  }
  return true;
}
