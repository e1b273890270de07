import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  derivedUuid,
  type EventIdentity,
  eventKey,
  eventTimeMs,
  identityKey,
  identityOf,
  parseEventTime,
} from './event-key.ts';

const EVENT: EventIdentity = {
  source: 'chaos',
  stream: null,
  streamEpoch: null,
  seq: null,
  id: 'msg_1',
  gatewayEpoch: '01JDBBBBBBBBBBBBBBBBBBBBBB',
  ingestSeq: 7,
};
const COUNTED: EventIdentity = { ...EVENT, stream: 's', streamEpoch: 'e', seq: 3 };
const PAYLOAD = Buffer.from('{"a":1}');
const TIME = '2026-11-22T20:45:46.409Z';

describe('the event key', () => {
  // Computed by another program from the definition: keys are stored for years and may never change.
  test('has the golden values', () => {
    expect(eventKey(EVENT, PAYLOAD, TIME)).toBe('01a20501-fe29-7bf2-8638-22da07e20928');
    expect(eventKey(EVENT, PAYLOAD, undefined)).toBe('00000000-0000-7bf2-8638-22da07e20928');
    expect(derivedUuid('reply', 'a', 'help')).toBe('1fcedf0b-71a2-8cae-b5eb-03b8da09ef3f');
  });

  test('is a UUID of version 7 whose time part is the time of the event', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array(), (timeMs, payload) => {
        const key = eventKey(EVENT, payload, new Date(timeMs).toISOString());
        expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(key.replace('-', '').slice(0, 12), 16)).toBe(timeMs);
      }),
    );
  });

  test('is the same for the same event, whoever received it and when', () => {
    const again = { ...EVENT, gatewayEpoch: '01JDCCCCCCCCCCCCCCCCCCCCCC', ingestSeq: 99 };
    expect(eventKey(again, Buffer.from(PAYLOAD), TIME)).toBe(eventKey(EVENT, PAYLOAD, TIME));
  });

  test('is another for another payload, source or identity', () => {
    const keys = [
      eventKey(EVENT, PAYLOAD, TIME),
      eventKey(EVENT, Buffer.from('{"a":1 }'), TIME),
      eventKey({ ...EVENT, source: 'other' }, PAYLOAD, TIME),
      eventKey({ ...EVENT, id: 'msg_2' }, PAYLOAD, TIME),
      eventKey({ ...EVENT, id: null }, PAYLOAD, TIME),
      eventKey(COUNTED, PAYLOAD, TIME),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('the identity', () => {
  test("is the source's own count before the id before the gateway's count", () => {
    expect(identityOf(COUNTED)).toEqual(['seq', 's', 'e', 3]);
    expect(identityOf(EVENT)).toEqual(['id', 'msg_1']);
    expect(identityOf({ ...EVENT, id: null })).toEqual(['ingest', '01JDBBBBBBBBBBBBBBBBBBBBBB', 7]);
  });

  test('needs all three parts of a count', () => {
    for (const part of ['stream', 'streamEpoch', 'seq'] as const) {
      expect(identityOf({ ...COUNTED, [part]: null })).toEqual(['id', 'msg_1']);
    }
  });

  test('of one kind is never that of another', () => {
    const counted = eventKey({ ...EVENT, id: null, stream: 'x', streamEpoch: 'y', seq: 1 }, PAYLOAD, TIME);
    expect(counted).not.toBe(eventKey({ ...EVENT, id: 'x' }, PAYLOAD, TIME));
  });
});

describe('the identity key', () => {
  // Computed by another program from the definition: rows are compared by it for years.
  test('has the golden values, whatever the body says', () => {
    expect(identityKey(EVENT)).toBe('40b185ca-dd8f-004c-92ca-bc23651b4d00');
    expect(identityKey(COUNTED)).toBe('d96ae27e-003b-bf40-0000-000000000003');
  });

  test('is the same exactly where the identity is', () => {
    const part = fc.constantFrom('a', 'b', 'seq', '');
    const event = fc.record({
      ...{ source: part, id: fc.option(part), stream: fc.option(part), streamEpoch: fc.option(part) },
      ...{ seq: fc.option(fc.nat(2)), gatewayEpoch: part, ingestSeq: fc.nat(2) },
    });
    const asText = (one: EventIdentity) => JSON.stringify([one.source, identityOf(one)]);
    fc.assert(
      fc.property(event, event, (one, other) => {
        expect(identityKey(one) === identityKey(other)).toBe(asText(one) === asText(other));
      }),
      { numRuns: 2_000 },
    );
  });

  test('holds any number', () => {
    const keys = [0, -1, Number.MAX_SAFE_INTEGER].map((seq) => identityKey({ ...COUNTED, seq }).slice(19));
    expect(keys).toEqual(['0000-000000000000', 'ffff-ffffffffffff', '001f-ffffffffffff']);
  });
});

describe('the time of an event', () => {
  test.each([
    ['2026-11-22T20:45:46.409Z', 1_795_380_346_409],
    ['2026-11-22T21:45:46.409+01:00', 1_795_380_346_409],
    ['2026-11-22T20:45Z', 1_795_380_300_000],
    ['2026-11-22', 1_795_305_600_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
    ['1969-12-31T23:59:59.999Z', -1],
    ['0000-01-01T00:00:00Z', -62_167_219_200_000],
  ])('%s is read', (text, timeMs) => {
    expect(parseEventTime(text)).toBe(timeMs);
  });

  test.each([
    'yesterday',
    '',
    '2026',
    '2026-11-22T20:45:46',
    'Nov 22, 2026 20:45',
    '2026-02-29T00:00:00Z',
    '2026-04-31',
    '2026-13-01T00:00:00Z',
    '2026-00-10',
    '2026-11-22T25:00:00Z',
    '+999999-01-01T00:00:00Z',
    ' 2026-11-22T20:45:46Z',
  ])('%j is none: only a full time with its zone means the same everywhere', (text) => {
    expect(parseEventTime(text)).toBeUndefined();
  });

  test.each([1_795_380_346_409, null, undefined, {}, ['2026-11-22T20:45:46Z'], true])('%j is no text', (value) => {
    expect(parseEventTime(value)).toBeUndefined();
  });

  test('before 1970 and beyond 48 bits there is no time part', () => {
    expect(eventTimeMs('1969-12-31T23:59:59.999Z')).toBeUndefined();
    expect(eventTimeMs('1970-01-01T00:00:00.000Z')).toBe(0);
    expect(eventTimeMs('+010889-08-02T05:31:50.655Z')).toBe(2 ** 48 - 1);
    expect(eventTimeMs('+010889-08-02T05:31:50.656Z')).toBeUndefined();
    expect(eventKey(EVENT, PAYLOAD, '0000-01-01T00:00:00Z')).toBe(eventKey(EVENT, PAYLOAD, undefined));
  });
});
