// Excludes: a transaction whose client is frozen or gone in the middle of a COPY, for which the server waits beyond all its limits, and
// which keeps the partition's next owner from storing anything.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { endAbandonedCopy } from '../../consumers/persistence/abandoned-copy.ts';
import { COPY_ROWS } from '../../consumers/persistence/copy-rows.ts';
import { Store } from '../../consumers/persistence/store.ts';
import { inTransaction } from '../../consumers/persistence/transaction.ts';
import type { Pool } from '../../service/database.ts';
import { withScratchPool } from '../support/scratch-pool.ts';
import { storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
let pool: Pool;
let url: string;
withScratchPool((opened, database) => {
  pool = opened;
  ({ url } = database);
});

/** Sends what the store sends, up to the middle of the rows, and then nothing more. Returns the process that the server has for it. */
async function cutOff(lock: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  const { connection, processID } = client as unknown as { connection: { stream: Socket }; processID: number };
  onTestFinished(() => void connection.stream.destroy());
  await client.query(`begin; select pg_advisory_xact_lock(hashtextextended('${lock}', 0))`);
  client.query(COPY_ROWS).catch(() => undefined);
  // CopyData of a thousand bytes, of which five come.
  connection.stream.write(Buffer.from([0x64, 0, 0, 3, 232, 80, 71, 67, 79, 80]));
  const waits = `select from pg_stat_activity where pid = $1 and query ~ '^copy' and wait_event = 'ClientRead'`;
  await expect.poll(async () => (await pool.query(waits, [processID])).rowCount).toBe(1);
  return processID;
}

async function isThere(processId: number): Promise<boolean> {
  return (await pool.query('select from pg_stat_activity where pid = $1', [processId])).rowCount === 1;
}

// That whoever waited in vain for the lock does this, and when: consumers/persistence/transaction.test.ts. It is not waited for here, since
// a server that has such a transaction drops no database.
test('it is ended when its client has given up, not sooner, and no other with it', async () => {
  const incarnation = randomUUID();
  const lock = `pmc-persistence/${incarnation}/0`;
  const [mine, other] = [await cutOff(lock), await cutOff('another')];
  const make = storeBatches(incarnation);
  await inTransaction(pool, { lock: 'of the asker', signal: ALIVE }, async (client) => {
    await endAbandonedCopy(client, lock, 60_000);
    expect(await isThere(mine)).toBe(true);
    await endAbandonedCopy(client, lock, 0);
  });
  const store = new Store({ pool, breakerPercent: 50 });
  expect(await store.write(make.batch([make.candidate(0n, { n: 0 })]), ALIVE)).toMatchObject({ coveredUpTo: 1n });
  await expect.poll(() => isThere(mine)).toBe(false);
  expect(await isThere(other)).toBe(true);
});

test('the server asks a client that is silent within a transaction whether it is there', async () => {
  const asks = await inTransaction(pool, { lock: 'l', signal: ALIVE }, async (client) => {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name ~ '^tcp_' order by name`,
    );
    return rows.map(({ name, setting }) => `${name} ${setting}`);
  });
  expect(asks).toEqual([
    'tcp_keepalives_count 3',
    'tcp_keepalives_idle 10',
    'tcp_keepalives_interval 5',
    'tcp_user_timeout 30000',
  ]);
});
