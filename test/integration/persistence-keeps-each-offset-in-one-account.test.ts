// What the store makes of batches on a real PostgreSQL: rows, duplicates, quarantine, coverage, and their precedence.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { describe, expect, test } from 'vitest';
import { Store } from '../../consumers/persistence/store.ts';
import { withRowStore } from '../support/row-store.ts';
import { lockedTable, poison, storeBatches } from '../support/store-batches.ts';

const TOPIC = 'pmc.messages.incoming';
const ALIVE = new AbortController().signal;

let pool: Pool;
let store: Store;
let make: ReturnType<typeof storeBatches>;

withRowStore((opened) => {
  ({ pool, store } = opened);
  make = storeBatches(randomUUID());
});

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

test('a batch handed over again changes nothing and is no duplicate', async () => {
  const again = make.batch(
    [make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 2 }), make.candidate(3n, { n: 1 })],
    [poison(4n)],
  );
  const first = await store.write(again, ALIVE);
  expect(first).toMatchObject({ duplicates: 1, replayed: 0, coveredUpTo: 5n });
  const before = [await accounts(), await coverage()];
  const second = await store.write(again, ALIVE);
  expect(second).toMatchObject({ inserted: [], duplicates: 0, quarantined: [], replayed: 4, coveredUpTo: 5n });
  expect([await accounts(), await coverage()]).toEqual(before);
  expect(before[0]).toEqual(['1 stored', '2 stored', '3 duplicate of 1', '4 quarantined PMC_CODEC_MALFORMED']);
});

test('the same event in another partition is a duplicate of the first', async () => {
  await store.write(make.batch([make.candidate(7n, { n: 1 })]), ALIVE);
  await store.write(make.batch([make.candidate(3n, { n: 1 }, 5)], [], 5), ALIVE);
  expect(await accounts(5)).toEqual(['3 duplicate of 7']);
});

test('deleted rows come back by reading again, and only they', async () => {
  const all = make.batch([make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 2 }), make.candidate(3n, { n: 3 })]);
  await store.write(all, ALIVE);
  await pool.query('delete from message_metadata where record_offset = 2');
  const outcome = await store.write(all, ALIVE);
  expect(outcome.inserted.map(({ recordOffset }) => recordOffset)).toEqual([2n]);
  expect(outcome.replayed).toBe(2);
  expect(await accounts()).toEqual(['1 stored', '2 stored', '3 stored']);
});

test('what retention has deleted does not come back by reading again, nor does a duplicate of it; what was lost does', async () => {
  const all = [1, 2, 3, 4, 1, 5].map((n, offset) => make.candidate(BigInt(offset), { n }));
  await store.write(make.batch(all), ALIVE);
  const deleted = 'delete from message_metadata where record_offset in (0, 2, 3)';
  await pool.query(`with gone as (${deleted}) insert into purged select $1, 0, 0, 1, 'test'`, [
    all[0]?.row.incarnation,
  ]);
  // The same process, another one, and one whose first batch lies above what is covered.
  const other = new Store({ pool, breakerPercent: 50 });
  await other.write(make.batch([make.candidate(6n, { n: 6 })]), ALIVE);
  for (const one of [store, new Store({ pool, breakerPercent: 50 }), other]) {
    await one.write(make.batch(all), ALIVE);
    await one.write(make.batch(all.slice(0, 1)), ALIVE);
    expect(await accounts()).toEqual([
      '1 stored',
      '2 stored',
      '3 stored',
      ...['4 duplicate of 0', '5 stored', '6 stored'],
    ]);
  }
  expect(await store.write(make.batch(all), ALIVE)).toMatchObject({ inserted: [], duplicates: 0, replayed: 6 });
});

test('nor does what another process has stored and purged since the partition was its own', async () => {
  const [mine, theirs] = [
    [0n, 1n],
    [2n, 3n],
  ].map((offsets) => make.batch(offsets.map((offset) => make.candidate(offset, { n: Number(offset) }))));
  if (mine === undefined || theirs === undefined) throw new Error('two batches');
  await store.write(mine, ALIVE);
  await new Store({ pool, breakerPercent: 50 }).write(theirs, ALIVE);
  await pool.query(
    `with gone as (delete from message_metadata where record_offset >= 2) insert into purged select $1, 0, 2, 4, 'test'`,
    [theirs.incarnation],
  );
  expect(await store.write(theirs, ALIVE)).toMatchObject({ inserted: [], replayed: 2 });
  expect(await accounts()).toEqual(['0 stored', '1 stored']);
});

describe('what the first purge of all is deleting just now does not come back', () => {
  /** A purge of partition 0 that has not committed; `commit` waits until somebody waits for it. */
  async function purging(incarnation: string) {
    const table = await pool.connect();
    await table.query('begin');
    await table.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`pmc-persistence/${incarnation}/0`]);
    await table.query('delete from message_metadata where partition = 0');
    await table.query(`insert into purged select $1, 0, 0, 2, 'test'`, [incarnation]);
    const waiters = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    return async (): Promise<void> => {
      await expect.poll(async () => (await pool.query(waiters)).rowCount, { timeout: 60_000 }).toBe(1);
      await table.query('commit');
      table.release();
    };
  }

  test('by reading it again', async () => {
    const all = make.batch([make.candidate(0n, { n: 0 }), make.candidate(1n, { n: 1 })]);
    await store.write(all, ALIVE);
    const commit = await purging(all.incarnation);
    const again = new Store({ pool, breakerPercent: 50 }).write(all, ALIVE);
    await commit();
    expect(await again).toMatchObject({ inserted: [], replayed: 2 });
    expect(await accounts()).toEqual([]);
  });

  test('by reading a duplicate of it again, alone or beside what cannot be read', async () => {
    const first = make.batch([make.candidate(0n, { n: 0 }), make.candidate(1n, { n: 1 })]);
    const same = make.batch([make.candidate(0n, { n: 0 }, 1)], [], 1);
    const beside = make.batch([make.candidate(0n, { n: 1 }, 2)], [poison(1n)], 2);
    for (const one of [first, same, beside]) await store.write(one, ALIVE);
    for (const [again, account] of [
      [same, ['0 duplicate of 0']],
      [beside, ['0 duplicate of 1', '1 quarantined PMC_CODEC_MALFORMED']],
    ] as const) {
      const commit = await purging(first.incarnation);
      const writing = new Store({ pool, breakerPercent: 50 }).write(again, ALIVE).catch((error: unknown) => error);
      await commit();
      // Who finds it out too late begins again.
      if (again === beside) expect(await writing).toMatchObject({ code: 'PMC_PERSISTENCE_ROW_VANISHED' });
      expect(await store.write(again, ALIVE)).toMatchObject({ inserted: [], duplicates: 0 });
      expect(await accounts(again.partition)).toEqual(account);
      await pool.query('delete from purged; delete from message_metadata');
      await store.write(first, ALIVE);
    }
  });
});

describe('an offset is in one account only', () => {
  test('one that retention has deleted is not quarantined later, and an entry of before is closed when it can be read', async () => {
    const all = make.batch([make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 2 })]);
    await store.write(all, ALIVE);
    await pool.query(
      `with gone as (delete from message_metadata where record_offset = 1) insert into purged select $1, 0, 1, 2, 'test'`,
      [all.incarnation],
    );
    expect(await store.write(make.batch([], [poison(1n)]), ALIVE)).toMatchObject({ quarantined: [], replayed: 1 });
    expect(await accounts()).toEqual(['2 stored']);
    await pool.query(
      `insert into quarantine (incarnation, topic, partition, record_offset, code, reason) values ($1, 't', 0, 1, 'X', '')`,
      [all.incarnation],
    );
    expect(await accounts()).toEqual(['1 quarantined X', '2 stored']);
    await store.write(all, ALIVE);
    expect(await accounts()).toEqual(['2 stored']);
  });

  test('storing it closes its quarantine entry, and a later failure to decode does not open it again', async () => {
    await store.write(make.batch([], [poison(1n)]), ALIVE);
    await store.write(make.batch([make.candidate(1n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['1 stored']);
    expect(await store.write(make.batch([], [poison(1n)]), ALIVE)).toMatchObject({ quarantined: [], replayed: 1 });
    expect(await accounts()).toEqual(['1 stored']);
  });

  test('a duplicate closes its quarantine entry and is not quarantined later', async () => {
    await store.write(make.batch([make.candidate(1n, { n: 1 })], [poison(2n)]), ALIVE);
    await store.write(make.batch([make.candidate(2n, { n: 1 })]), ALIVE);
    await store.write(make.batch([], [poison(2n)]), ALIVE);
    expect(await accounts()).toEqual(['1 stored', '2 duplicate of 1']);
  });

  test('a duplicate whose first row is gone becomes the row, and the first its duplicate', async () => {
    await store.write(make.batch([make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 1 })]), ALIVE);
    await pool.query('delete from message_metadata');
    await store.write(make.batch([make.candidate(2n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['2 stored']);
    await store.write(make.batch([make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 1 })]), ALIVE);
    expect(await accounts()).toEqual(['1 duplicate of 2', '2 stored']);
  });

  test('two owners of a partition at once do not disagree', async () => {
    const good = Array.from({ length: 50 }, (_, index) => make.candidate(BigInt(index), { n: index % 40 }));
    await Promise.all([
      store.write(make.batch(good), ALIVE),
      store.write(make.batch(good), ALIVE),
      store.write(make.batch(good), ALIVE),
    ]);
    expect(await accounts()).toEqual(
      good.map((_, index) => (index < 40 ? `${index} stored` : `${index} duplicate of ${index - 40}`)),
    );
    expect(await coverage()).toEqual([{ topic: TOPIC, partition: 0, upper_offset: '50', rows_total: '40' }]);
  });
});

test('an owner that cannot decode a record waits for the one that is storing it', async () => {
  await using blocker = await lockedTable(pool, 'coverage');
  const storing = store.write(make.batch([make.candidate(1n, { n: 1 })]), ALIVE);
  await blocker.waiting(1);
  const quarantining = store.write(make.batch([], [poison(1n)]), ALIVE);
  await blocker.waiting(2);
  await blocker.release();
  await Promise.all([storing, quarantining]);
  expect(await accounts()).toEqual(['1 stored']);
});

test('coverage does not go back when older offsets are read again', async () => {
  await store.write(make.batch([make.candidate(9n, { n: 9 })]), ALIVE);
  expect(await store.write(make.batch([make.candidate(1n, { n: 1 })]), ALIVE)).toMatchObject({ coveredUpTo: 10n });
  expect(await coverage()).toEqual([{ topic: TOPIC, partition: 0, upper_offset: '10', rows_total: '2' }]);
});

test('another event at stored coordinates is refused and nothing of the batch is kept', async () => {
  await store.write(make.batch([make.candidate(1n, { n: 1 })]), ALIVE);
  const rewritten = make.batch([make.candidate(1n, { n: 'other' }), make.candidate(2n, { n: 2 })]);
  await expect(store.write(rewritten, ALIVE)).rejects.toMatchObject({ code: 'PMC_LOG_REWRITTEN' });
  expect(await accounts()).toEqual(['1 stored']);
});

describe('rows that PostgreSQL refuses', () => {
  test('are found and quarantined with reason and bytes, the others of the batch stored', async () => {
    const bad = new Set([0, 333, 334, 499]);
    const candidates = Array.from({ length: 500 }, (_, n) =>
      bad.has(n) ? make.refused(BigInt(n)) : make.candidate(BigInt(n), { n }),
    );
    const outcome = await store.write(make.batch(candidates, [poison(500n)]), ALIVE);
    expect(outcome.inserted).toHaveLength(496);
    expect(await coverage()).toEqual([{ topic: TOPIC, partition: 0, upper_offset: '501', rows_total: '496' }]);
    const { rows } = await pool.query<{ record_offset: string; code: string; reason: string; raw: Buffer }>(
      'select record_offset, code, reason, raw from quarantine order by record_offset',
    );
    expect(rows.map(({ record_offset, code }) => `${record_offset} ${code}`)).toEqual([
      ...[0, 333, 334, 499].map((offset) => `${offset} PMC_PERSISTENCE_ROW_REFUSED`),
      '500 PMC_CODEC_MALFORMED',
    ]);
    expect(rows[1]?.reason).toContain('22P02');
    expect(rows[1]?.raw.toString()).toBe('{"bad":"333"}');
    expect(rows[4]).toMatchObject({ reason: 'PMC_CODEC_MALFORMED: bad\uFFFDbytes', raw: Buffer.from([0, 0xff]) });
  });

  test('also one nested deeper than the server parses: an error of class 54, not 22', async () => {
    const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    await store.write(make.batch([make.candidate(1n, deep), make.candidate(2n, { n: 2 })]), ALIVE);
    expect(await accounts()).toEqual(['1 quarantined PMC_PERSISTENCE_ROW_REFUSED', '2 stored']);
    const { rows } = await pool.query<{ reason: string }>('select reason from quarantine');
    expect(rows[0]?.reason).toContain('54001');
  });

  test('stop everything when they are most of a batch: nothing is stored or quarantined', async () => {
    const candidates = Array.from({ length: 30 }, (_, n) =>
      n % 3 === 0 ? make.candidate(BigInt(n), { n }) : make.refused(BigInt(n)),
    );
    await expect(store.write(make.batch(candidates), ALIVE)).rejects.toMatchObject({ code: 'PMC_PERSISTENCE_BREAKER' });
    expect(await accounts()).toEqual([]);
    expect(await coverage()).toEqual([]);
  });
});

describe('giving up', () => {
  test('an aborted signal leaves nothing behind', async () => {
    await expect(store.write(make.batch([make.candidate(1n, { n: 1 })]), AbortSignal.abort())).rejects.toThrow();
    expect(await accounts()).toEqual([]);
  });

  test('an assignment lost while the database makes it wait ends the wait; the server does all or nothing, a repeat completes it', async () => {
    await using blocker = await lockedTable(pool, 'message_metadata');
    const lost = new AbortController();
    const batch = make.batch([make.candidate(1n, { n: 1 }), make.candidate(2n, { n: 1 })]);
    const writing = store.write(batch, lost.signal);
    await blocker.waiting(1);
    lost.abort();
    await expect(writing).rejects.toThrow();
    await blocker.release();
    // The commit was on its way already: a server that waited for a lock may still do it, after the wait here is over.
    const whole = ['1 stored', '2 duplicate of 1'];
    expect([[], whole]).toContainEqual(await accounts());
    await store.write(batch, ALIVE);
    expect(await accounts()).toEqual(whole);
    expect(await coverage()).toEqual([expect.objectContaining({ upper_offset: '3', rows_total: '1' })]);
  });
});
