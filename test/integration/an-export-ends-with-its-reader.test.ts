// Excludes: an export that calls it a failure when its reader has seen enough, and one that goes on, or calls itself complete, when
// nobody takes what it writes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { plainEnvironment } from '../support/plain-environment.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
/** Far more than a pipe holds. */
const ROWS = 50_000;
let database: ScratchDatabase;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(
    `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, kind, gateway_epoch,
       ingest_seq, received_at)
     select gen_random_uuid(), '{}', '0190a000-0000-7000-8000-000000000001', 0, n, 'a', 'typing', 'epoch', n, now()
     from generate_series(1, $1) n`,
    [ROWS],
  );
  await client.end();
});
afterAll(() => database[Symbol.asyncDispose]());

function exporting(stdout: 'pipe' | number) {
  const env = { ...plainEnvironment(), NODE_ENV: 'production', DATABASE_URL: database.url };
  const pmc = spawn(process.execPath, [PMC, 'rows', 'export'], { stdio: ['ignore', stdout, 'pipe'], env });
  let said = '';
  pmc.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { pmc, ended: once(pmc, 'close').then(([code]: unknown[]) => ({ code, said })) };
}

test('a reader that has seen enough ends it, without a word', async () => {
  const { pmc, ended } = exporting('pipe');
  await once(pmc.stdout ?? pmc, 'data');
  pmc.stdout?.destroy();
  expect(await ended).toEqual({ code: 0, said: '' });
});

test.skipIf(!existsSync('/dev/full'))('a disk that is full ends it with one line', async () => {
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const { ended } = exporting(full);
  expect(await ended).toEqual({
    code: 1,
    said: expect.stringMatching(/^pmc: the output is not complete: ENOSPC[^\n]*\n$/),
  });
});
