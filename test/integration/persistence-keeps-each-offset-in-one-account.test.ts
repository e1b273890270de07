// What the store makes of batches on a real PostgreSQL: rows, duplicates, quarantine, coverage, and their precedence.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { toRow } from '../../consumers/persistence/rows.ts';
import { type Candidate, type Poison, Store, type StoreBatch } from '../../consumers/persistence/store.ts';
import { PmcError } from '../../service/errors.ts';
import { eventOfFrame, incomingEvent } from '../support/incoming-events.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

const TOPIC = 'pmc.messages.incoming';
const ALIVE = new AbortController().signal;
let database: ScratchDatabase;
let pool: pg.Pool;
let store: Store;
let incarnation: string;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 4 });
  store = new Store({ pool, breakerPercent: 50 });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  incarnation = randomUUID();
  await pool.query('truncate message_metadata, duplicates, quarantine, coverage');
});

function candidate(offset: bigint, payload: unknown, partition = 0): Candidate {
  const event = incomingEvent(payload, {
    id: `id-${createHash('sha256').update(JSON.stringify(payload)).digest('hex')}`,
  });
  const made = toRow(event, { incarnation, partition, offset, timestampMs: 0 });
  if (!made.ok) throw made.error;
  return { row: made.row, raw: event.payload };
}

function batch(candidates: readonly Candidate[], poisons: readonly Poison[] = [], partition = 0): StoreBatch {
  const offsets = [...candidates.map(({ row }) => row.recordOffset), ...poisons.map(({ offset }) => offset)];
  const upperOffset = offsets.reduce((high, one) => (one > high ? one : high)) + 1n;
  return { topic: TOPIC, partition, incarnation, candidates, poisons, upperOffset };
}

function poison(offset: bigint): Poison {
  return { offset, raw: Buffer.from([0, 0xff]), error: new PmcError('PMC_CODEC_MALFORMED', 'bad\u0000bytes') };
}

/** An object nested deeper than PostgreSQL's parser goes, and not too deep for ours. */
function tooDeep(depth = 20_000): string {
  return `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
}

/** Every offset with its account, as `offset account`; an offset in two accounts shows twice. */
async function accounts(partition = 0): Promise<readonly string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select record_offset || ' ' || account as line from (
       select partition, record_offset, 'stored' as account from message_metadata
       union all select partition, record_offset, 'duplicate of ' || first_offset from duplicates where status = 'open'
       union all select partition, record_offset, 'quarantined ' || code from quarantine where status = 'open'
     ) as all_accounts where partition = $1 order by record_offset, account`,
    [partition],
  );
  return rows.map(({ line }) => line);
}

async function coverage(): Promise<unknown> {
  const { rows } = await pool.query<object>(
    'select topic, partition, upper_offset, rows_total from coverage order by partition',
  );
  return rows;
}

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
  const outcome = await store.write(batch(candidates), ALIVE);
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
  await store.write(batch([candidate(1n, text)]), ALIVE);
  const { rows } = await pool.query<{ text: string }>('select raw_payload::text as text from message_metadata');
  expect(rows).toEqual([{ text }]);
});

test('every column arrives as it was made', async () => {
  const { row, raw } = candidate(1n, { timestamp: '0001-01-01T00:00:00Z', content: 5 });
  const all = {
    ...row,
    seq: 7n,
    stream: 's,"\\',
    streamEpoch: 'NULL',
    chat: '',
    flags: ['wrong-type', 'truncated'] as const,
  };
  await store.write(batch([{ row: all, raw }]), ALIVE);
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

test('a batch handed over again changes nothing and is no duplicate', async () => {
  const again = batch([candidate(1n, { n: 1 }), candidate(2n, { n: 2 }), candidate(3n, { n: 1 })], [poison(4n)]);
  const first = await store.write(again, ALIVE);
  expect(first).toMatchObject({ duplicates: 1, replayed: 0, coveredUpTo: 5n });
  const before = [await accounts(), await coverage()];
  const second = await store.write(again, ALIVE);
  expect(second).toMatchObject({ inserted: [], duplicates: 0, quarantined: [], replayed: 4, coveredUpTo: 5n });
  expect([await accounts(), await coverage()]).toEqual(before);
  expect(before[0]).toEqual(['1 stored', '2 stored', '3 duplicate of 1', '4 quarantined PMC_CODEC_MALFORMED']);
});

test('the same event in another partition is a duplicate of the first', async () => {
  await store.write(batch([candidate(7n, { n: 1 })]), ALIVE);
  await store.write(batch([candidate(3n, { n: 1 }, 5)], [], 5), ALIVE);
  expect(await accounts(5)).toEqual(['3 duplicate of 7']);
});

test('deleted rows come back by reading again, and only they', async () => {
  const all = batch([candidate(1n, { n: 1 }), candidate(2n, { n: 2 }), candidate(3n, { n: 3 })]);
  await store.write(all, ALIVE);
  await pool.query('delete from message_metadata where record_offset = 2');
  const outcome = await store.write(all, ALIVE);
  expect(outcome.inserted.map(({ recordOffset }) => recordOffset)).toEqual([2n]);
  expect(outcome.replayed).toBe(2);
  expect(await accounts()).toEqual(['1 stored', '2 stored', '3 stored']);
});

describe('an offset is in one account only', () => {
  test('storing it closes its quarantine entry, and a later failure to decode does not open it again', async () => {
    await store.write(batch([], [poison(1n)]), ALIVE);
    await store.write(batch([candidate(1n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['1 stored']);
    expect(await store.write(batch([], [poison(1n)]), ALIVE)).toMatchObject({ quarantined: [], replayed: 1 });
    expect(await accounts()).toEqual(['1 stored']);
  });

  test('a duplicate closes its quarantine entry and is not quarantined later', async () => {
    await store.write(batch([candidate(1n, { n: 1 })], [poison(2n)]), ALIVE);
    await store.write(batch([candidate(2n, { n: 1 })]), ALIVE);
    await store.write(batch([], [poison(2n)]), ALIVE);
    expect(await accounts()).toEqual(['1 stored', '2 duplicate of 1']);
  });

  test('a duplicate whose first row is gone becomes the row, and the first its duplicate', async () => {
    await store.write(batch([candidate(1n, { n: 1 }), candidate(2n, { n: 1 })]), ALIVE);
    await pool.query('delete from message_metadata');
    await store.write(batch([candidate(2n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['2 stored']);
    await store.write(batch([candidate(1n, { n: 1 }), candidate(2n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['1 duplicate of 2', '2 stored']);
  });

  test('two owners of a partition at once do not disagree', async () => {
    const good = Array.from({ length: 50 }, (_, index) => candidate(BigInt(index), { n: index % 40 }));
    await Promise.all([
      store.write(batch(good), ALIVE),
      store.write(batch(good), ALIVE),
      store.write(batch(good), ALIVE),
    ]);
    expect(await accounts()).toEqual(
      good.map((_, index) => (index < 40 ? `${index} stored` : `${index} duplicate of ${index - 40}`)),
    );
    expect(await coverage()).toEqual([{ topic: TOPIC, partition: 0, upper_offset: '50', rows_total: '40' }]);
  });
});

test('another event at stored coordinates is refused and nothing of the batch is kept', async () => {
  await store.write(batch([candidate(1n, { n: 1 })]), ALIVE);
  const recreated = batch([candidate(1n, { n: 'other' }), candidate(2n, { n: 2 })]);
  await expect(store.write(recreated, ALIVE)).rejects.toMatchObject({ code: 'PMC_TOPIC_RECREATED' });
  expect(await accounts()).toEqual(['1 stored']);
});

describe('rows that PostgreSQL refuses', () => {
  test('are found and quarantined with reason and bytes, the others of the batch stored', async () => {
    const bad = new Set([0, 333, 334, 499]);
    const candidates = Array.from({ length: 500 }, (_, n) =>
      candidate(BigInt(n), bad.has(n) ? tooDeep(20_000 + n) : { n }),
    );
    const outcome = await store.write(batch(candidates, [poison(500n)]), ALIVE);
    expect(outcome.inserted).toHaveLength(496);
    expect(await coverage()).toEqual([{ topic: TOPIC, partition: 0, upper_offset: '501', rows_total: '496' }]);
    const { rows } = await pool.query<{ record_offset: string; code: string; reason: string; raw: Buffer }>(
      'select record_offset, code, reason, raw from quarantine order by record_offset',
    );
    expect(rows.map(({ record_offset, code }) => `${record_offset} ${code}`)).toEqual([
      ...[0, 333, 334, 499].map((offset) => `${offset} PMC_PERSISTENCE_ROW_REFUSED`),
      '500 PMC_CODEC_MALFORMED',
    ]);
    expect(rows[1]?.reason).toContain('54001');
    expect(rows[1]?.raw.toString()).toBe(tooDeep(20_333));
    expect(rows[4]).toMatchObject({ reason: 'PMC_CODEC_MALFORMED: bad\uFFFDbytes', raw: Buffer.from([0, 0xff]) });
  });

  test('stop everything when they are most of a batch: nothing is stored or quarantined', async () => {
    const candidates = Array.from({ length: 30 }, (_, n) =>
      candidate(BigInt(n), n % 3 === 0 ? { n } : tooDeep(20_000 + n)),
    );
    await expect(store.write(batch(candidates), ALIVE)).rejects.toMatchObject({ code: 'PMC_PERSISTENCE_BREAKER' });
    expect(await accounts()).toEqual([]);
    expect(await coverage()).toEqual([]);
  });
});

describe('giving up', () => {
  test('an aborted signal leaves nothing behind', async () => {
    await expect(store.write(batch([candidate(1n, { n: 1 })]), AbortSignal.abort())).rejects.toThrow();
    expect(await accounts()).toEqual([]);
  });

  test('an assignment lost while the database makes it wait ends the wait and rolls back', async () => {
    const blocker = await pool.connect();
    await blocker.query('begin; lock table message_metadata in exclusive mode');
    const lost = new AbortController();
    const writing = store.write(batch([candidate(1n, { n: 1 })]), lost.signal);
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await expect.poll(async () => (await pool.query(waiting)).rowCount).toBe(1);
    lost.abort();
    await expect(writing).rejects.toThrow();
    await blocker.query('rollback');
    blocker.release();
    expect(await accounts()).toEqual([]);
    await store.write(batch([candidate(1n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['1 stored']);
  });
});
