// What a sender wrote is in raw_payload byte for byte, and every derived column arrives as it was made.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { toRow } from '../../consumers/persistence/rows.ts';
import { type Candidate, Store } from '../../consumers/persistence/store.ts';
import { eventOfFrame } from '../support/incoming-events.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
const incarnation = randomUUID();
const make = storeBatches(incarnation);
let database: ScratchDatabase;
let pool: pg.Pool;
let store: Store;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  store = new Store({ pool, breakerPercent: 50 });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await pool.query('truncate message_metadata, duplicates, quarantine, coverage');
});

test('the recorded frames come back with the SHA-256 that was sent, computed by PostgreSQL', async () => {
  const frames = readFileSync(new URL('../data/chaos-socket-frames.jsonl', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, 1_000)
    .map((line) => (JSON.parse(line) as { frame: string }).frame);
  const candidates = frames.map((frame, index): Candidate => {
    const event = eventOfFrame(frame, index + 1);
    const made = toRow(event, { incarnation, partition: 0, offset: BigInt(index), timestampMs: 0 });
    if (!made.ok) throw made.error;
    return { row: made.row, raw: event.payload };
  });
  const outcome = await store.write(make.batch(candidates), ALIVE);
  expect(outcome.inserted).toHaveLength(frames.length);
  const { rows } = await pool.query<{ sha256: string }>(
    "select encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex') as sha256 from message_metadata order by record_offset",
  );
  expect(rows.map(({ sha256 }) => sha256)).toEqual(
    frames.map((frame) => createHash('sha256').update(frame).digest('hex')),
  );
});

test.each([
  ['U+0000, escaped', String.raw`{"content":"a\u0000b"}`],
  ['a lone surrogate, escaped', String.raw`{"content":"\ud800"}`],
  ['numbers no float can hold', '{"n":123456789012345678901234567890,"e":1.0e2,"z":-0}'],
  ['the same name twice, odd spaces', '{ "a" : 1,\n\t"a":2 }'],
  ['quotes, backslashes and braces', String.raw`{"content":"\"\\{},NULL'"}`],
  ['a megabyte', JSON.stringify({ content: 'x'.repeat(1_000_000) })],
])('raw_payload keeps %s exactly', async (_what, text) => {
  await store.write(make.batch([make.candidate(1n, text)]), ALIVE);
  const { rows } = await pool.query<{ text: string }>('select raw_payload::text as text from message_metadata');
  expect(rows).toEqual([{ text }]);
});

test('every column arrives as it was made', async () => {
  const { row, raw } = make.candidate(1n, { timestamp: '0001-01-01T00:00:00Z', content: 5 });
  const all = {
    ...row,
    seq: 7n,
    stream: 's,"\\',
    streamEpoch: 'NULL',
    chat: '',
    flags: ['wrong-type', 'truncated'] as const,
  };
  await store.write(make.batch([{ row: all, raw }]), ALIVE);
  const { rows } = await pool.query<object>(
    `select id, seq, stream, stream_epoch, chat, actor, flags, status, event_id, ingest_seq, kind, source,
       to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD') as day, received_at from message_metadata`,
  );
  expect(rows).toEqual([
    {
      id: row.id,
      seq: '7',
      stream: 's,"\\',
      stream_epoch: 'NULL',
      chat: '',
      actor: null,
      flags: ['wrong-type', 'truncated'],
      status: 'received',
      event_id: row.eventId,
      ingest_seq: '1',
      kind: 'message',
      source: 'chaos',
      day: '0001-01-01',
      received_at: row.receivedAt,
    },
  ]);
});
