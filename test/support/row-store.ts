// A store over the tables of messages and of what is found of them, in a database of the test file's own; empty and new for each test.
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { Store } from '../../consumers/persistence/store.ts';
import { type ScratchDatabase, scratchDatabase } from './scratch-database.ts';

const TABLES =
  'message_metadata, duplicates, conflicts, quarantine, coverage, message_state, conversations, fold_positions, purged, effects, audit.findings';
const CONNECTIONS = 8;

export interface RowStore {
  readonly pool: pg.Pool;
  readonly store: Store;
}

/** Registers the hooks; `use` is told before each test. */
export function withRowStore(use: (opened: RowStore) => void): void {
  let database: ScratchDatabase;
  let pool: pg.Pool;
  beforeAll(async () => {
    database = await scratchDatabase(inject('databaseUrl'));
    pool = new pg.Pool({ connectionString: database.url, max: CONNECTIONS });
  });
  afterAll(async () => {
    await pool.end();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await pool.query(`truncate ${TABLES}`);
    use({ pool, store: new Store({ pool, breakerPercent: 50 }) });
  });
}
