// A pool on a database of a test's own, new for each test.
import { afterEach, beforeEach, inject } from 'vitest';
import { createPool, type Pool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { type ScratchDatabase, scratchDatabase } from './scratch-database.ts';

/** Registers the hooks; `use` is told before each test. */
export function withScratchPool(use: (opened: Pool, database: ScratchDatabase) => void): void {
  let database: ScratchDatabase;
  let pool: Pool;
  beforeEach(async () => {
    database = await scratchDatabase(inject('databaseUrl'));
    pool = createPool(database.url, createLogger('test', 'silent'));
    use(pool, database);
  });
  afterEach(async () => {
    await pool.end();
    await database[Symbol.asyncDispose]();
  });
}
