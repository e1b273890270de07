import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AVRO_SCHEMAS, type IncomingEvent } from '../schemas/generated.ts';
import { EventWriter } from './event-writer.ts';

const TYPE = avro.Type.forSchema(AVRO_SCHEMAS.IncomingEvent as unknown as avro.Schema);
const HEADER = Buffer.from('head');

const few = fc.constantFrom('a', 'b', 'Zoë', 'ab');
const maybe = fc.option(few);
/** So few that sessions come again, and differ in one field. */
const session = fc.record({ source: few, connection: few, stream: maybe, streamEpoch: maybe });
const event: fc.Arbitrary<IncomingEvent> = fc
  .tuple(session, fc.option(fc.nat()), maybe, fc.constantFrom(0, 10, 9_000, 66_000))
  .map(([of, seq, id, sizeBytes]) => ({
    ...of,
    ...{ seq, gatewayEpoch: 'epoch', ingestSeq: 7, receivedAt: 1_700_000_000_000, kind: 'message' as const },
    ...{ id, chat: null, actor: id, type: null, payload: Buffer.alloc(sizeBytes, 'p') },
  }));
/** One session's events come together, as a socket brings them. */
const events = fc
  .array(fc.array(event, { minLength: 1, maxLength: 6 }), { maxLength: 12 })
  .map((runs) =>
    runs.flatMap(([first, ...rest]) => [first as IncomingEvent, ...rest.map((one) => ofSession(one, first))]),
  );

function ofSession(one: IncomingEvent, other: IncomingEvent | undefined): IncomingEvent {
  const { source, connection, stream, streamEpoch } = other ?? one;
  return { ...one, source, connection, stream, streamEpoch };
}

function written(writer: EventWriter, event: IncomingEvent): Buffer {
  const bytes = writer.write(event);
  HEADER.copy(bytes);
  return bytes;
}

test('each event has the bytes that the library makes of it, whatever came before, and keeps them', () => {
  fc.assert(
    fc.property(events, (all) => {
      const writer = new EventWriter(HEADER.length);
      const bytes = all.map((one) => written(writer, one));
      for (const [index, one] of all.entries()) {
        const expected = Buffer.concat([HEADER, TYPE.toBuffer(one)]);
        // Not by `toEqual`, which takes seconds for long ones.
        expect(bytes[index]?.equals(expected), `event ${index}`).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('an event that is none leaves nothing behind in those after it', () => {
  const [some] = fc.sample(event, { numRuns: 1, seed: 3 }) as [IncomingEvent];
  const one = { ...some, connection: 'one', payload: Buffer.from('of one') };
  const other = { ...some, connection: 'another', payload: Buffer.from('of another') };
  const writer = new EventWriter(HEADER.length);
  const before = written(writer, one);
  // It has begun to be written when its number is looked at.
  expect(() => writer.write({ ...other, seq: -1 })).toThrow(RangeError);
  const after = [other, other, one, other].map((next) => [next, written(writer, next)] as const);
  for (const [next, bytes] of [[one, before] as const, ...after]) {
    expect(bytes.equals(Buffer.concat([HEADER, TYPE.toBuffer(next)]))).toBe(true);
  }
});
