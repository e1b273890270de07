import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventKey } from '../../schemas/event-key.ts';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { type Row, toRow } from './rows.ts';

const AT = {
  incarnation: '0190a000-0000-7000-8000-000000000001',
  partition: 3,
  offset: 42n,
  timestampMs: Date.parse('2026-11-22T20:45:47Z'),
};

function rowOf(payload: unknown, overrides: Partial<IncomingEvent> = {}): Row {
  const made = toRow(incomingEvent(payload, overrides), AT);
  if (!made.ok) throw made.error;
  return made.row;
}

describe('a message', () => {
  const text = '{ "event":"message", "timestamp":"2026-11-22T21:45:46.409+01:00", "content":"ol\\u00e1" , "n":1.0e2 }';
  const event = incomingEvent(text, { id: 'm1', chat: 'c1', actor: 'ana', type: 'text', ingestSeq: 7 });

  test('becomes a row with the columns of version 1, its coordinates and its envelope', () => {
    expect(toRow(event, AT)).toEqual({
      ok: true,
      row: {
        id: eventKey(event, event.payload, '2026-11-22T21:45:46.409+01:00'),
        timestamp: new Date('2026-11-22T20:45:46.409Z'),
        sender: 'ana',
        type: 'text',
        rawPayload: text,
        incarnation: AT.incarnation,
        partition: 3,
        recordOffset: 42n,
        source: 'chaos',
        eventId: 'm1',
        kind: 'message',
        chat: 'c1',
        actor: 'ana',
        content: 'olá',
        refId: null,
        stream: null,
        streamEpoch: null,
        seq: null,
        gatewayEpoch: event.gatewayEpoch,
        ingestSeq: 7n,
        receivedAt: new Date(event.receivedAt),
        flags: [],
        // By another program: the first half of SHA-256 over ["id","chaos","m1"].
        identity: 'd8f4b9a7-1469-0ad8-5bb0-45ed7524b49c',
      },
    });
  });
});

describe('the derived columns of each kind', () => {
  const payload = { message_id: 'ref', content: 'c', new_content: 'n', reaction: 'r', message_type: 'text' };
  const expected: Record<EventKind, Pick<Row, 'type' | 'content' | 'refId'>> = {
    message: { type: 'text', content: 'c', refId: null },
    typing: { type: 'typing', content: null, refId: null },
    read: { type: 'read', content: null, refId: 'ref' },
    delivered: { type: 'delivered', content: null, refId: 'ref' },
    presence: { type: 'presence', content: null, refId: null },
    reaction: { type: 'reaction', content: 'r', refId: 'ref' },
    edit: { type: 'edit', content: 'n', refId: 'ref' },
    delete: { type: 'delete', content: null, refId: 'ref' },
    connection: { type: 'connection', content: null, refId: null },
    unknown: { type: 'unknown', content: 'c', refId: null },
  };

  test.each(Object.entries(expected) as [EventKind, Pick<Row, 'type' | 'content' | 'refId'>][])(
    '%s',
    (kind, columns) => {
      expect(rowOf(payload, { kind, type: kind === 'message' ? 'text' : null })).toMatchObject(columns);
    },
  );
});

describe('the time of an event', () => {
  test.each([
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['1969-07-20T20:17:40Z', '1969-07-20T20:17:40.000Z'],
  ])('%s is stored', (timestamp, stored) => {
    const row = rowOf({ timestamp });
    expect(row.timestamp?.toISOString()).toBe(stored);
    expect(row.flags).toEqual([]);
  });

  test.each([
    'yesterday',
    '',
    '0000-12-31T23:59:59Z',
    '-000001-01-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '+275760-09-13T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '2026-02-30T00:00:00Z',
    '2026-11-22T20:45:46',
    'Nov 22 2026',
  ])('%j is no time that can be stored: null and flagged', (timestamp) => {
    expect(rowOf({ timestamp })).toMatchObject({ timestamp: null, flags: ['bad-timestamp'] });
  });

  test.each([[1795380346409], [['2026-11-22T20:45:46Z']], [{}], [true]])(
    '%j is no text: null and flagged',
    (timestamp) => {
      expect(rowOf({ timestamp })).toMatchObject({ timestamp: null, flags: ['wrong-type'] });
    },
  );

  test('an absent one, or null, is null without a flag', () => {
    expect(rowOf({})).toMatchObject({ timestamp: null, flags: [] });
    expect(rowOf({ timestamp: null })).toMatchObject({ timestamp: null, flags: [] });
  });

  test('a time of receipt that cannot be stored gives way to that of the record, flagged', () => {
    const row = rowOf({}, { receivedAt: 9e15 });
    expect(row).toMatchObject({ receivedAt: new Date(AT.timestampMs), flags: ['bad-received-at'] });
    const made = toRow(incomingEvent({}, { receivedAt: Number.NaN }), { ...AT, timestampMs: -1e17 });
    expect(made.ok && made.row.receivedAt).toEqual(new Date(0));
  });
});

describe('what a column cannot hold', () => {
  test('U+0000 and lone surrogates are replaced in derived columns, never in raw_payload', () => {
    const text = String.raw`{"event":"message","content":"a\u0000b\ud800c"}`;
    const row = rowOf(text, { chat: 'x\u0000', id: '\udfff' });
    expect(row).toMatchObject({ content: 'a\uFFFDb\uFFFDc', chat: 'x\uFFFD', eventId: '\uFFFD', rawPayload: text });
    expect(row.flags).toEqual(['sanitised']);
  });

  test('long values are cut and flagged', () => {
    const row = rowOf({ content: 'é'.repeat(10_000) }, { id: 'i'.repeat(513), type: 't'.repeat(65) });
    expect(row.eventId).toHaveLength(512);
    expect(row.type).toHaveLength(64);
    expect(Buffer.byteLength(row.content ?? '')).toBe(16_384);
    expect(row.flags).toEqual(['truncated']);
  });

  test('fields of another type are null and flagged', () => {
    for (const value of [7, ['a'], { a: 1 }, false]) {
      expect(rowOf({ content: value })).toMatchObject({ content: null, flags: ['wrong-type'] });
      expect(rowOf({ message_id: value }, { kind: 'read' })).toMatchObject({ refId: null, flags: ['wrong-type'] });
      expect(rowOf({ id: value })).toMatchObject({ eventId: null, flags: ['wrong-type'] });
    }
  });

  test('a payload that is JSON but no object is kept and flagged', () => {
    expect(rowOf('[1,2]')).toMatchObject({ rawPayload: '[1,2]', flags: ['not-an-object'] });
    expect(rowOf('null')).toMatchObject({ rawPayload: 'null', flags: ['not-an-object'] });
  });

  test('an inherited name is not a field', () => {
    expect(rowOf('{"__proto__":{"content":"x"}}')).toMatchObject({ content: null, flags: [] });
  });
});

describe('a payload that cannot be kept exactly is no row', () => {
  test.each([
    ['is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['is not JSON', Buffer.from('{"a":')],
    ['is not JSON', Buffer.from('{"a":"\u0000"}')],
    ['is not JSON', Buffer.from('\uFEFF{}')],
    ['is not JSON', Buffer.alloc(0)],
  ])('%s', (reason, payload) => {
    const made = toRow(incomingEvent(payload), AT);
    expect(!made.ok && made.error).toMatchObject({ code: 'PMC_PERSISTENCE_PAYLOAD', message: `the payload ${reason}` });
  });

  test('a U+FFFD that the sender wrote is kept', () => {
    expect(rowOf('{"content":"\uFFFD"}')).toMatchObject({ content: '\uFFFD', flags: [] });
  });
});

test('whatever a sender writes, there is a storable row with the exact text, or a reason', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 600 });
  const payload = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc
      .record({ timestamp: fc.jsonValue(), content: fc.jsonValue(), message_id: fc.jsonValue(), id: fc.jsonValue() })
      .map((fields) => JSON.stringify(fields)),
    anyText,
  );
  fc.assert(
    fc.property(payload, fc.option(anyText), fc.option(anyText), fc.double(), (text, id, chat, receivedAt) => {
      const event = incomingEvent(text, { id, chat, receivedAt });
      const made = toRow(event, AT);
      if (!made.ok) return;
      const { row } = made;
      expect(Buffer.from(row.rawPayload)).toEqual(event.payload);
      expect(Number.isNaN(row.receivedAt.getTime())).toBe(false);
      for (const column of [row.source, row.eventId, row.chat, row.sender, row.content, row.refId, row.type]) {
        if (column === null) continue;
        expect(column.isWellFormed() && !column.includes('\u0000')).toBe(true);
        expect(Buffer.byteLength(column)).toBeLessThanOrEqual(16_384);
      }
    }),
  );
});
