// What a sender wrote is in raw_payload byte for byte, and every derived column arrives as it was made.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { expect, test } from 'vitest';
import { foldSome } from '../../consumers/persistence/fold-some.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import type { Candidate, Store } from '../../consumers/persistence/store.ts';
import { eventOfFrame } from '../support/incoming-events.ts';
import { withRowStore } from '../support/row-store.ts';
import { storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
const incarnation = randomUUID();
const make = storeBatches(incarnation);
let pool: Pool;
let store: Store;
withRowStore((opened) => {
  ({ pool, store } = opened);
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

/** As long as the columns take, and in characters of three bytes that no index entry can compress. */
const longName = (seed: string): string =>
  Array.from({ length: 40 }, (_, n) => createHash('sha256').update(`${seed}${n}`).digest())
    .flatMap((digest) =>
      Array.from({ length: 16 }, (_, n) => String.fromCodePoint(0x4e00 + (digest.readUInt16LE(n * 2) % 20_000))),
    )
    .join('');

test('the longest names are stored and folded, of every kind of event', async () => {
  const kinds = ['message', 'read', 'delivered', 'reaction', 'edit', 'delete', 'presence', 'unknown'] as const;
  const candidates = kinds.map((kind, index) => {
    const named = (what: string): string => longName(`${kind}${what}`);
    const [chat, actor, stream, streamEpoch] = ['c', 'a', 's', 'e'].map(named) as [string, string, string, string];
    const counted = { stream, streamEpoch, seq: index };
    return make.candidate(BigInt(index), { message_id: named('m') }, 0, {
      kind,
      id: named('i'),
      chat,
      actor,
      ...counted,
    });
  });
  const { inserted, quarantined } = await store.write(make.batch(candidates), ALIVE);
  expect([inserted.length, quarantined]).toEqual([kinds.length, []]);
  expect(await foldSome(pool, { incarnation, partition: 0 }, ALIVE)).toEqual({ references: 5, isBehind: false });
});

test.each([
  ['0000-01-01T00:00:00Z', null, ['bad-timestamp']],
  ['9999-12-31T23:59:59.999Z', '9999-12-31 23:59:59.999', []],
  ['+010000-01-01T00:00:00Z', null, ['bad-timestamp']],
  ['+275760-09-13T00:00:00Z', null, ['bad-timestamp']],
  ['2026-02-30T00:00:00Z', null, ['bad-timestamp']],
])('the time %s is %j in its column, and the text stays', async (timestamp, column, flags) => {
  const text = `{"timestamp":"${timestamp}","n":9007199254740993}`;
  await store.write(make.batch([make.candidate(1n, text)]), ALIVE);
  const { rows } = await pool.query<object>(
    `select raw_payload::text as text, to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') as column, flags
     from message_metadata`,
  );
  expect(rows).toEqual([{ text, column, flags }]);
});

test('the short way and the long way store the same, whatever a row holds', async () => {
  const hostile = [
    { timestamp: '9999-12-31T23:59:59.999Z', content: 'a\u0000b', chat: 'c'.repeat(600) },
    { timestamp: '0001-01-01T00:00:00Z', content: '\\ud800 "quoted", {braced}, NULL, \\N', chat: '' },
    { timestamp: '1969-07-20T20:17:40.123Z', content: '\u{1F44F}\t\n', chat: 5, nested: [[1, [2]]] },
    { timestamp: '2026-11-22T20:45:46.409Z', content: 'x'.repeat(40_000), n: 1.5 },
  ];
  const rows = hostile.map((payload, index) => {
    const { row, raw } = make.candidate(BigInt(index), payload);
    return {
      row: { ...row, seq: index % 2 === 0 ? BigInt(index) - 2n ** 60n : null, stream: ['s', null][index % 2] ?? null },
      raw,
    };
  });
  const stored = async (): Promise<readonly object[]> => {
    const { rows: all } = await pool.query<{ line: string }>(
      `select to_json(m)::text as line from message_metadata m order by record_offset`,
    );
    await pool.query('truncate message_metadata, coverage');
    return all.map(({ line }) => ({ ...(JSON.parse(line) as object), created_at: null }));
  };
  await store.write(make.batch(rows), ALIVE);
  const short = await stored();
  // Not the offsets up to the batch's end: that cannot be written by a range.
  await store.write({ ...make.batch(rows), upperOffset: 9n }, ALIVE);
  expect(short).toEqual(await stored());
  expect(short).toHaveLength(hostile.length);
});
