// Excludes: retention that deletes without being told to, deletes what it should keep, or leaves what it deleted off the books.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { purgedRanges, storedSide, unaccountedBelow } from '../../consumers/gap-detector/stored-side.ts';
import { loadTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import { Store } from '../../consumers/persistence/store.ts';
import { below, seededRandom } from '../../service/random.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { poison, storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
const incarnation = randomUUID();
const topic = 'pmc.messages.incoming';
const START_MS = Date.parse('2026-11-01T00:00:00Z');
const ROWS = 12_000;
const KEPT_FROM = 11_500;
const BEFORE = new Date(START_MS + KEPT_FROM * 1_000).toISOString();
const BAD = 7_000n;
let database: ScratchDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const make = storeBatches(incarnation);
  const store = new Store({ pool, breakerPercent: 50 });
  const candidates = Array.from({ length: ROWS }, (_, n) => {
    const event = incomingEvent({ n }, { id: `m${n}`, receivedAt: START_MS + n * 1_000 });
    const made = toRow(event, { incarnation, partition: 0, offset: BigInt(n), timestampMs: 0 });
    if (!made.ok) throw made.error;
    return { row: made.row, raw: event.payload };
  }).filter(({ row }) => row.recordOffset !== BAD);
  await store.write(make.batch(candidates, [poison(BAD)]), new AbortController().signal);
  const young = make.candidate(0n, { young: true }, 1, { chat: 'has a message' });
  const again = make.candidate(1n, { another: 'body' }, 1, { id: 'm7' });
  await store.write(make.batch([young, again], [], 1), new AbortController().signal);
  const [old, since] = [new Date(START_MS), new Date(START_MS + ROWS * 1_000)];
  await pool.query(
    `insert into message_state (source, message_id, state, updated_at) values
       ('chaos', 'm5', '{}', $2), ('chaos', 'm7', '{}', $1), ('chaos', 'm11999', '{}', $1), ('chaos', 'never came', '{}', $1),
       ('chaos', 'was changed since', '{}', $2), ('another', 'm11999', '{}', $1)`,
    [old, since],
  );
  await pool.query(
    `insert into conversations (source, chat, first_at, last_at) values
       ('chaos', 'is over', $1, $1), ('chaos', 'goes on', $1, $2), ('chaos', 'has a message', $1, $1)`,
    [old, since],
  );
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const purge = (...flags: readonly string[]) =>
  pmcCommand({ DATABASE_URL: database.url }, 'rows', 'purge', '--before', BEFORE, ...flags);

async function offsets(): Promise<object> {
  const { rows } = await pool.query<object>(
    `select partition, count(*)::int as rows, min(record_offset)::int as first from message_metadata group by 1 order by 1`,
  );
  return rows;
}

const NEXT_TO_NOTHING = { incarnation, partition: 0, from: 0, to: KEPT_FROM - 1, rows: KEPT_FROM - 1 };

test('without --execute nothing is deleted', async () => {
  const { code, stdout } = await purge('--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ executed: false, rows: KEPT_FROM - 1, partitions: [NEXT_TO_NOTHING] });
  expect(await offsets()).toEqual([
    { partition: 0, rows: ROWS - 1, first: 0 },
    { partition: 1, rows: 2, first: 0 },
  ]);
});

test('with it the rows before the time are gone, the others there, and the audit finds the range', async () => {
  const { code, stdout } = await purge('--json', '--execute', '--reason', 'thirty days');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ executed: true, partitions: [NEXT_TO_NOTHING] });
  expect(await offsets()).toEqual([
    { partition: 0, rows: ROWS - KEPT_FROM, first: KEPT_FROM },
    { partition: 1, rows: 2, first: 0 },
  ]);
  const range = { topic, incarnation, partition: 0, lower: 0n, upper: BigInt(ROWS) };
  const { purged, quarantined } = await storedSide(pool, range);
  // In quarantine is no row: what is there stays, and can be redriven.
  expect(purged).toEqual([
    { lower: 0n, upper: BAD },
    { lower: BAD + 1n, upper: BigInt(KEPT_FROM) },
  ]);
  expect([...quarantined.keys()]).toEqual([BAD]);
  expect(await unaccountedBelow(pool, { topic, incarnation, partition: 0, upper: BigInt(ROWS) })).toEqual([]);
  expect(await loadTimeline(pool)).toMatchObject([
    {
      kind: 'operator-action',
      subject: 'rows',
      detail: expect.stringContaining(`${KEPT_FROM - 1} rows deleted (thirty days)`),
    },
  ]);
});

test('what was folded from rows goes when nothing of it is left, and stays while there is', async () => {
  const { rows: states } = await pool.query<object>('select source, message_id from message_state order by message_id');
  expect(states).toEqual([
    { source: 'chaos', message_id: 'm11999' },
    { source: 'chaos', message_id: 'm7' },
    { source: 'chaos', message_id: 'was changed since' },
  ]);
  const { rows } = await pool.query<{ chat: string }>('select chat from conversations');
  expect(new Set(rows.map(({ chat }) => chat))).toEqual(new Set(['goes on', 'has a message']));
});

test('what is counted as stored is what is there', async () => {
  const { rows } = await pool.query<object>(
    `select partition, rows_total::int as counted, count(id)::int as rows from coverage
     left join message_metadata using (incarnation, partition) group by 1, 2 order by 1`,
  );
  expect(rows).toEqual([
    { partition: 0, counted: ROWS - KEPT_FROM, rows: ROWS - KEPT_FROM },
    { partition: 1, counted: 2, rows: 2 },
  ]);
});

test('a second time there is nothing left to delete', async () => {
  const { code, stdout } = await purge('--execute');
  expect([code, stdout]).toEqual([0, `deleted 0 rows received before ${BEFORE}\n`]);
});

test('what is on the books is each offset that had a row and no other, whatever was purged around it before', async () => {
  const partition = 7;
  const make = storeBatches(incarnation);
  const random = seededRandom(4, 0);
  const placed = Array.from({ length: 400 }, (_, n) => BigInt(n)).filter(() => below(random, 3) > 0);
  const candidates = placed.map((offset) => {
    const receivedAt = START_MS + Number(offset) * 1_000;
    return make.candidate(offset, { placed: Number(offset) }, partition, { receivedAt });
  });
  const store = () => new Store({ pool, breakerPercent: 50 }).write(make.batch(candidates, [], partition), ALIVE);
  await store();
  const before = (offset: number) => new Date(START_MS + offset * 1_000).toISOString();
  const purgeUpTo = (offset: number) =>
    pmcCommand({ DATABASE_URL: database.url }, 'rows', 'purge', '--before', before(offset), '--execute');
  for (const upTo of [100, 101, 250]) {
    await purgeUpTo(upTo);
    // Reading it again brings nothing back.
    await store();
    const ranges = await purgedRanges(pool, { incarnation, partition, lower: 0n, upper: 1_000n });
    const listed = ranges.flatMap(({ lower, upper }) =>
      Array.from({ length: Number(upper - lower) }, (_, index) => lower + BigInt(index)),
    );
    expect(listed).toEqual(placed.filter((offset) => offset < BigInt(upTo)));
    for (const [index, { lower }] of ranges.entries())
      if (index > 0) expect(lower).toBeGreaterThan(ranges[index - 1]?.upper ?? 0n);
    const { rows } = await pool.query<{ place: string }>(
      'select record_offset as place from message_metadata where partition = $1 order by 1',
      [partition],
    );
    expect(rows.map(({ place }) => BigInt(place))).toEqual(placed.filter((offset) => offset >= BigInt(upTo)));
  }
});

test.each(['tomorrow', '2999-01-01', '2026-11-01T00:00:00', ''])('a time like %j is refused', async (time) => {
  const { code, stderr } = await pmcCommand(
    { DATABASE_URL: database.url },
    'rows',
    'purge',
    '--before',
    time,
    '--execute',
  );
  expect(code).toBe(2);
  expect(stderr).toContain('ISO 8601');
});
