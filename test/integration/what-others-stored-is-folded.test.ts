// A running persistence service folds what another process has stored (a redrive, a replay), although nothing comes from the log.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, inject, test, vi } from 'vitest';
import { persistenceSettings } from '../../consumers/persistence/config.ts';
import { startPersistence } from '../../consumers/persistence/persistence.ts';
import { Store } from '../../consumers/persistence/store.ts';
import { systemClock } from '../../service/clock.ts';
import { readSettings } from '../../service/config.ts';
import { Health } from '../../service/health.ts';
import { scratchDatabase } from '../support/scratch-database.ts';
import { storeBatches } from '../support/store-batches.ts';

const WAIT = { timeout: 60_000, interval: 100 };

test('a reference that another process stored is folded within seconds', async () => {
  await using database = await scratchDatabase(inject('databaseUrl'));
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  const health = new Health();
  const environment = {
    PMC_KAFKA_BROKERS: inject('brokers').join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
  };
  const context = {
    ...{ name: 'persistence', logger: pino({ level: 'silent' }), metrics: new Registry(), health, clock: systemClock },
    stopping: new AbortController().signal,
    fail: (error: unknown) => expect.unreachable(String(error)),
  };
  const service = await startPersistence(readSettings(environment, persistenceSettings), context, randomUUID());
  try {
    // Assigned: what it finds at its assignment it has found.
    await vi.waitFor(() => expect(health.report().ready).toBe(true), WAIT);
    const make = storeBatches(randomUUID());
    const edit = { kind: 'edit', chat: 'c', actor: 'ann' } as const;
    const store = new Store({ pool, breakerPercent: 50 });
    const payload = { message_id: 'of-another', new_content: 'new' };
    await store.write(make.batch([make.candidate(0n, payload, 0, edit)]), new AbortController().signal);
    const states = () => pool.query("select from message_state where message_id = 'of-another'");
    await vi.waitFor(async () => expect((await states()).rowCount).toBe(1), WAIT);
  } finally {
    await service.stop({ deadlineMs: 5_000 });
    await pool.end();
  }
});
