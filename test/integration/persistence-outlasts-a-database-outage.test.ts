// The database goes away under a batch: the batch waits, says so, and is stored when the database is back.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, inject, test } from 'vitest';
import { type HandleBatchDeps, handleBatch } from '../../consumers/persistence/handle-batch.ts';
import { persistenceMetrics } from '../../consumers/persistence/metrics.ts';
import { Store } from '../../consumers/persistence/store.ts';
import type { Batch } from '../../kafka/log.ts';
import { createPool } from '../../service/database.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { asAdmin, scratchDatabase } from '../support/scratch-database.ts';

const SILENT = pino({ level: 'silent' });

function batchOf(count: number): Batch {
  const at = { topic: 'pmc.messages.incoming', partition: 0 };
  const records = Array.from({ length: count }, (_, n) => {
    return {
      ...at,
      offset: BigInt(n),
      timestampMs: 0,
      key: null,
      value: Buffer.from(JSON.stringify({ n })),
      headers: {},
    };
  });
  const { signal } = new AbortController();
  return { ...at, incarnation: randomUUID(), generation: 1, records, highWatermark: BigInt(count), signal };
}

/** Every value is the payload of an event. */
async function decodeEach(
  _topic: string,
  values: readonly (Buffer | null)[],
  use: (decoded: object, index: number) => void,
) {
  for (const [index, bytes] of values.entries()) use({ ok: true, value: incomingEvent(bytes) }, index);
  return await Promise.resolve();
}

test('a database that refuses connections for a while delays a batch and loses nothing', async () => {
  const adminUrl = inject('databaseUrl');
  await using database = await scratchDatabase(adminUrl);
  const pool = createPool(database.url, SILENT);
  const metrics = persistenceMetrics(new Registry());
  const health: boolean[] = [];
  const refused = Promise.withResolvers<void>();
  const deps: HandleBatchDeps = {
    codec: { decodeEach: decodeEach as never },
    store: new Store({ pool, breakerPercent: 50 }),
    onStored: () => undefined,
    metrics,
    logger: SILENT,
    clock: { nowMs: () => Date.now() },
    groupId: 'test',
    limits: { rowsMax: 10, bytesMax: 1_000_000 },
    backoff: { initialMs: 10, maxMs: 20 },
    report: (check, ready) => {
      if (check !== 'database') return;
      health.push(ready);
      if (!ready && metrics.totals.retries >= 3) refused.resolve();
    },
  };
  try {
    // A connection of the pool is open and idle when the outage begins: the first attempt loses it.
    await pool.query('select 1');
    await asAdmin(adminUrl, async (client) => {
      await client.query(`alter database ${database.name} allow_connections false`);
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database.name]);
    });
    const handling = handleBatch(batchOf(25), deps);
    await refused.promise;
    expect(metrics.totals.consumed).toBe(0);
    await asAdmin(adminUrl, (client) => client.query(`alter database ${database.name} allow_connections true`));
    await handling;
    expect(health.slice(0, 3)).toEqual([false, false, false]);
    expect(health.at(-1)).toBe(true);
    const { rows } = await pool.query<{ offsets: string[] }>(
      'select array_agg(record_offset order by record_offset)::text[] as offsets from message_metadata',
    );
    expect(rows[0]?.offsets).toEqual(Array.from({ length: 25 }, (_, n) => String(n)));
    expect(metrics.totals).toMatchObject({ consumed: 25, inserted: 25, duplicate: 0 });
  } finally {
    await pool.end();
  }
});

test('connections killed in the middle of every transaction only repeat work', async () => {
  await using database = await scratchDatabase(inject('databaseUrl'));
  const pool = createPool(database.url, SILENT);
  const store = new Store({ pool, breakerPercent: 50 });
  const killer = new pg.Client({ connectionString: database.url });
  await killer.connect();
  // Reports a write's failures by their number, so that the killing stops after a while.
  let kills = 0;
  async function killing<T>(writing: Promise<T>): Promise<T> {
    if (kills < 10) {
      kills += 1;
      writing.catch(() => undefined);
      await killer.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
    }
    return await writing;
  }
  const metrics = persistenceMetrics(new Registry());
  const deps: HandleBatchDeps = {
    codec: { decodeEach: decodeEach as never },
    store: {
      isLikelyNew: (at) => store.isLikelyNew(at),
      copy: async (batch, signal) => await killing(store.copy(batch, signal)),
      write: async (batch, signal) => await killing(store.write(batch, signal)),
    },
    onStored: () => undefined,
    metrics,
    logger: SILENT,
    clock: { nowMs: () => Date.now() },
    groupId: 'test',
    limits: { rowsMax: 50, bytesMax: 1_000_000 },
    backoff: { initialMs: 1, maxMs: 5 },
    report: () => undefined,
  };
  try {
    await handleBatch(batchOf(500), deps);
    const { rows } = await pool.query<object>(
      'select count(*)::int as rows, count(distinct record_offset)::int as offsets from message_metadata',
    );
    expect(rows).toEqual([{ rows: 500, offsets: 500 }]);
    expect(kills).toBe(10);
    const { inserted, replayed, retries } = metrics.totals;
    expect(retries).toBeGreaterThan(0);
    expect(inserted + replayed).toBe(500);
  } finally {
    await killer.end();
    await pool.end();
  }
});
