import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AVRO_SCHEMAS, type EventKind, type IncomingEvent } from '../schemas/generated.ts';
import { eventBytesMax, payloadOf, writeEvent } from './write-event.ts';

const TYPE = avro.Type.forSchema(AVRO_SCHEMAS.IncomingEvent as unknown as avro.Schema);
const KINDS = AVRO_SCHEMAS.IncomingEvent.fields[8].type.symbols as readonly EventKind[];
/** The largest that the library takes. */
const NUMBER_MAX = 2 ** 53 - 2;

const text = fc.oneof(fc.string({ maxLength: 140 }), fc.string({ unit: 'grapheme', maxLength: 140 }));
const maybe = fc.oneof(fc.constant(null), text);
const number = fc.oneof(fc.integer({ min: 0, max: NUMBER_MAX }), fc.integer({ min: 0, max: 200 }));
const events: fc.Arbitrary<IncomingEvent> = fc.record({
  ...{ source: text, connection: text, stream: maybe, streamEpoch: maybe, seq: fc.oneof(fc.constant(null), number) },
  ...{ gatewayEpoch: text, ingestSeq: number, receivedAt: number, kind: fc.constantFrom(...KINDS) },
  ...{ id: maybe, chat: maybe, actor: maybe, type: maybe },
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('an event has the bytes that the library makes of it, in its place, and no more than were asked for', () => {
  fc.assert(
    fc.property(events, fc.nat(9), (event, from) => {
      const bytes = Buffer.alloc(from + eventBytesMax(event), 0xee);
      const end = writeEvent(event, bytes, from);
      expect(bytes.subarray(from, end).equals(TYPE.toBuffer(event))).toBe(true);
      expect(payloadOf(bytes.subarray(0, end), event.payload.length).equals(event.payload)).toBe(true);
      expect([...bytes.subarray(0, from), ...bytes.subarray(end)].every((byte) => byte === 0xee)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('what is asked for is enough when one text alone is all there is, three bytes for each of its units', () => {
  const empty: IncomingEvent = {
    ...{ source: '', connection: '', stream: null, streamEpoch: null, seq: null, gatewayEpoch: '', ingestSeq: 0 },
    ...{ receivedAt: 0, kind: 'message', id: null, chat: null, actor: null, type: null, payload: Buffer.alloc(0) },
  };
  const texts = ['source', 'connection', 'stream', 'streamEpoch', 'gatewayEpoch', 'id', 'chat', 'actor', 'type'];
  for (const name of texts) {
    const event = { ...empty, [name]: '€'.repeat(1_000) };
    const bytes = Buffer.alloc(eventBytesMax(event));
    expect(bytes.subarray(0, writeEvent(event, bytes, 0)).equals(TYPE.toBuffer(event)), name).toBe(true);
  }
});

test.for([
  ['no number', { ingestSeq: Number.NaN }],
  ['half a number', { receivedAt: 0.5 }],
  ['a number that no reader takes', { seq: 2 ** 53 - 1 }],
  ['a number below 0', { receivedAt: -1 }],
  ['no kind', { kind: 'letter' as EventKind }],
] as const)('%s is refused', ([, wrong]) => {
  const [event] = fc.sample(events, { numRuns: 1, seed: 1 }) as [IncomingEvent];
  const spoiled = { ...event, ...wrong };
  expect(() => writeEvent(spoiled, Buffer.alloc(eventBytesMax(spoiled)), 0)).toThrow(RangeError);
});
