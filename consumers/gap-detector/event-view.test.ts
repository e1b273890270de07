import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AVRO_SCHEMAS, type EventKind, type IncomingEvent } from '../../schemas/generated.ts';
import { readContent, readEvent } from './event-view.ts';

const TYPE = avro.Type.forSchema(structuredClone(AVRO_SCHEMAS.IncomingEvent) as unknown as avro.Schema);
const KINDS: readonly EventKind[] = AVRO_SCHEMAS.IncomingEvent.fields[8].type.symbols;

const TEXT = fc.oneof(
  fc.constantFrom('', 'a', 'chaos', '01JDK3Q0000000000000000000', 'é', '\u0000', '😀'),
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.toWellFormed()),
);
const NUMBER = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -1, 63, 64, 1_764_259_200_000, 2 ** 47),
  fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
);
const EVENT: fc.Arbitrary<IncomingEvent> = fc.record({
  ...{ source: TEXT, connection: TEXT, stream: fc.option(TEXT), streamEpoch: fc.option(TEXT), seq: fc.option(NUMBER) },
  ...{ gatewayEpoch: TEXT, ingestSeq: NUMBER, receivedAt: NUMBER, kind: fc.constantFrom(...KINDS) },
  ...{ id: fc.option(TEXT), chat: fc.option(TEXT), actor: fc.option(TEXT), type: fc.option(TEXT) },
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

function written(event: IncomingEvent): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), TYPE.toBuffer(event)]);
}

/** What the library says of a value: nothing where it does not decode. */
function decoded(value: Buffer): IncomingEvent | undefined {
  try {
    return { ...(TYPE.fromBuffer(value.subarray(5)) as IncomingEvent) };
  } catch {
    return undefined;
  }
}

function contentOf(event: IncomingEvent) {
  const { source, stream, streamEpoch, seq, gatewayEpoch, ingestSeq, receivedAt, id, payload } = event;
  return { source, stream, streamEpoch, seq, gatewayEpoch, ingestSeq, receivedAt, id, payload };
}

/** What a double holds exactly in the bytes that are read. */
function isShort({ seq, ingestSeq, receivedAt }: IncomingEvent): boolean {
  return [seq ?? 0, ingestSeq, receivedAt].every((number) => Math.abs(number) < 2 ** 48);
}

describe('an event read where it lies', () => {
  test('is what the library makes of it, whatever was read before', () => {
    fc.assert(
      fc.property(EVENT, (event) => {
        const value = written(event);
        if (!isShort(event)) {
          expect([undefined, event]).toContainEqual(readEvent(value));
          return;
        }
        expect(readEvent(value)).toEqual(event);
        expect(readContent(value)).toEqual(contentOf(event));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is nothing else where the bytes are damaged: what is odd is left to the library', () => {
    const damage = fc.record({ event: EVENT, at: fc.nat(), byte: fc.nat(255), length: fc.nat(), tail: fc.nat(2) });
    let refused = 0;
    fc.assert(
      fc.property(damage, ({ event, at, byte, length, tail }) => {
        const whole = written(event);
        const altered = Buffer.from(whole);
        altered[5 + (at % (altered.length - 5))] = byte;
        for (const value of [
          altered,
          whole.subarray(0, 5 + (length % (whole.length - 5))),
          Buffer.concat([whole, Buffer.alloc(tail)]),
        ]) {
          const said = decoded(value);
          const [read, content] = [readEvent(value), readContent(value)];
          if (said === undefined) refused += 1;
          if (read !== undefined) expect(read).toEqual(said);
          if (content !== undefined) expect({ ...content }).toEqual(said && contentOf(said));
        }
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });

  test('has the bytes of its payload, not a copy of them', () => {
    const value = written({ ...sample(), payload: Buffer.from('{"a":1}') });
    expect(readEvent(value)?.payload.buffer).toBe(value.buffer);
    expect(readContent(value)?.payload.buffer).toBe(value.buffer);
  });

  test('keeps no text of the event before that only looks like it', () => {
    // The one byte of a text that is no UTF-8 has the number of the character before.
    const before = written({ ...sample(), source: '\u00e9' });
    expect(readEvent(before)?.source).toBe('\u00e9');
    const value = written({ ...sample(), source: 'x' });
    value[6] = 0xe9;
    expect(readEvent(value)?.source).toBe('\ufffd');
  });
});

function sample(): IncomingEvent {
  return {
    ...{ source: 's', connection: 'c', stream: null, streamEpoch: null, seq: null, gatewayEpoch: 'g', ingestSeq: 1 },
    ...{ receivedAt: 1, kind: 'message', id: 'i', chat: 'c', actor: 'a', type: 'text', payload: Buffer.from('{}') },
  };
}
