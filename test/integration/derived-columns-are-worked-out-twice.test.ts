// Persistence derives the columns of a row, and the audit derives them again with code of its own: for whatever a sender wrote,
// both agree on the very bytes that PostgreSQL has, and a change of any one column shows.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { expect, test } from 'vitest';
import { DERIVED_COLUMNS, derivedHash, derivedKey } from '../../consumers/gap-detector/derived-columns.ts';
import { payloadShare, shareOf } from '../../consumers/gap-detector/digest.testing.ts';
import { rowDigests, storedSide } from '../../consumers/gap-detector/stored-side.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import type { Candidate, Store } from '../../consumers/persistence/store.ts';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { withRowStore } from '../support/row-store.ts';
import { storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
const RECORD_MS = Date.parse('2026-11-22T20:45:46Z');
const KINDS: readonly EventKind[] = [
  ...(['message', 'typing', 'read', 'delivered', 'presence'] as const),
  ...(['reaction', 'edit', 'delete', 'connection', 'unknown'] as const),
];

const WORD = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', 'a\u0000b', '\ud800', '😀'.repeat(400), 'é'.repeat(9_000), 'x'.repeat(511) + '😀', '\u001f'),
);
const MEMBER = fc.oneof(WORD, fc.constantFrom(null, 1, true, [], {}), fc.constant('2026-11-22T21:45:46.409+01:00'));
const TIMESTAMP = fc.constantFrom('2026-11-22T20:45:46.409Z', '0001-01-01', '+010000-01-01T00:00:00Z', 'yesterday', 7);
const EVENT = fc
  .record({
    members: fc.record(
      { content: MEMBER, new_content: MEMBER, reaction: MEMBER, message_id: MEMBER, timestamp: TIMESTAMP },
      { requiredKeys: [] },
    ),
    kind: fc.constantFrom(...KINDS),
    id: fc.option(WORD),
    chat: fc.option(WORD),
    actor: fc.option(WORD),
    type: fc.option(WORD),
    stream: fc.option(WORD),
    seq: fc.option(fc.nat()),
    receivedAt: fc.constantFrom(RECORD_MS, 1.7e12, 8.64e15),
  })
  .map(({ members, stream, seq, ...event }): IncomingEvent => {
    const counted = stream === null || seq === null ? {} : { stream, streamEpoch: 'e', seq };
    return incomingEvent({ nonce: randomUUID(), ...members }, { ...event, ...counted });
  });

const incarnation = randomUUID();
const at = { topic: TOPIC.incoming, incarnation, partition: 0 };
const make = storeBatches(incarnation);
let pool: Pool;
let store: Store;
withRowStore((opened) => {
  ({ pool, store } = opened);
});

async function stored(events: readonly IncomingEvent[]): Promise<void> {
  const candidates = events.map((event, index): Candidate => {
    const made = toRow(event, { incarnation, partition: 0, offset: BigInt(index), timestampMs: RECORD_MS });
    if (!made.ok) throw made.error;
    return { row: made.row, raw: event.payload };
  });
  await store.write(make.batch(candidates), ALIVE);
}

test('the audit and persistence agree on every column, whatever a sender wrote', async () => {
  const events = fc.sample(EVENT, { numRuns: 600, seed: 20_261_126 });
  await stored(events);
  const { rows } = await storedSide(pool, { ...at, lower: 0n, upper: BigInt(events.length) });
  const differing = events.flatMap((event, index) => {
    const row = rows.get(BigInt(index));
    return row?.columns === derivedHash(event, BigInt(index), RECORD_MS) && row.id === derivedKey(event)
      ? []
      : [{ event, payload: String(event.payload), row }];
  });
  expect(differing).toEqual([]);
  expect(rows.size).toBe(events.length);
  const sums = events.map((event, index) => ({
    sum: payloadShare(index, event.payload),
    columns: shareOf(index, derivedHash(event, BigInt(index), RECORD_MS)),
  }));
  expect((await rowDigests(pool, { ...at, lower: 0n, upper: BigInt(events.length) })).get(0n)).toEqual({
    rows: events.length,
    sum: sums.reduce((total, { sum }) => total + sum, 0n),
    columns: sums.reduce((total, { columns }) => total + columns, 0n),
  });
});

const CHANGED: Readonly<Record<Exclude<(typeof DERIVED_COLUMNS)[number], 'record_offset'>, string>> = {
  id: 'gen_random_uuid()',
  timestamp: `timestamp + interval '1 millisecond'`,
  sender: `sender || '.'`,
  type: 'upper(type)',
  source: `source || ' '`,
  event_id: 'null',
  kind: `'typing'`,
  chat: `''`,
  actor: 'null',
  content: `overlay(content placing 'O' from 1 for 1)`,
  ref_id: `''`,
  stream: `'s2'`,
  stream_epoch: 'null',
  seq: 'seq + 1',
  gateway_epoch: 'lower(gateway_epoch)',
  ingest_seq: '-ingest_seq',
  received_at: `received_at - interval '1 microsecond'`,
};

test.each(Object.entries(CHANGED))('a change of %s alone shows', async (column, expression) => {
  const event = incomingEvent(
    { event: 'message', content: 'olá', timestamp: '2026-11-22T20:45:46.409Z', sender: 'ana' },
    { id: 'm1', chat: 'c1', actor: 'ana', type: 'text', stream: 's', streamEpoch: 'e', seq: 1 },
  );
  await stored([event]);
  const columnsNow = async () => (await storedSide(pool, { ...at, lower: 0n, upper: 1n })).rows.get(0n)?.columns;
  expect(await columnsNow()).toBe(derivedHash(event, 0n, RECORD_MS));
  await pool.query(`update message_metadata set ${column} = ${expression}`);
  expect(await columnsNow()).not.toBe(derivedHash(event, 0n, RECORD_MS));
});
