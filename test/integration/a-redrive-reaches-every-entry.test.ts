// Excludes: entries that stay bad and keep a redrive from those behind them, and a list that does not say what it leaves off.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

/** More than any list shows. */
const BAD = 10_500;
let database: ScratchDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
  const good = codec.encode(TOPIC.incoming, incomingEvent({ id: 'm', content: 'x' }, { id: 'm' }));
  // The good one is last by place, whatever the others are.
  await pool.query(
    `insert into quarantine (incarnation, topic, partition, record_offset, code, reason, raw)
     select $1, $2, n / 5000, n, case when n = $3 then 'PMC_CODEC_UNKNOWN_SCHEMA' else 'PMC_CODEC_MALFORMED' end, 'bad',
       case when n = $3 then $4 else '\\x07'::bytea end
     from generate_series(0, $3) n`,
    [randomUUID(), TOPIC.incoming, BAD, good],
  );
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const pmc = (...args: readonly string[]) =>
  pmcCommand({ DATABASE_URL: database.url, PMC_REGISTRY_URL: inject('registryUrl') }, 'dlq', ...args);

test('a list says how many it leaves off', async () => {
  const { stderr } = await pmc('list', '--limit', '3');
  expect(stderr).toBe(`3 listed, ${BAD - 2} more not listed (--limit), ${BAD + 1} open\n`);
  const one = await pmc('list', '--limit', '3', '--code', 'PMC_CODEC_UNKNOWN_SCHEMA');
  expect(one.stderr).toBe(`1 listed, ${BAD + 1} open\n`);
  expect(JSON.parse((await pmc('list', '--limit', '3', '--json')).stdout)).toMatchObject({ unlisted: BAD - 2 });
});

test('every open entry is tried, also behind those that stay bad', async () => {
  expect((await pmc('redrive', '--all')).stdout).toBe(`would try ${BAD + 1} entries again; --execute does\n`);
  const dry = JSON.parse((await pmc('redrive', '--all', '--json')).stdout) as { entries: { offset: number }[] };
  expect(dry.entries.map(({ offset }) => offset)).toEqual(Array.from({ length: BAD + 1 }, (_, offset) => offset));
  const { code, stdout, stderr } = await pmc('redrive', '--all', '--execute');
  expect([code, stderr]).toEqual([3, `${BAD + 1} tried, 1 closed, ${BAD} open\n`]);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe(`2/${BAD}  stored`);
  const again = JSON.parse((await pmc('redrive', '--code', 'PMC_CODEC_UNKNOWN_SCHEMA', '--execute', '--json')).stdout);
  expect(again).toMatchObject({ executed: true, tried: 0, closed: 0, open: BAD, entries: [] });
});
