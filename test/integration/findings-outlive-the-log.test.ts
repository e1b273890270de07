// What was lost stays lost when retention has removed its record, and a sender's id cannot make a report unreadable.
import { pino } from 'pino';
import { expect, inject, test } from 'vitest';
import { balance, noAccounts } from '../../consumers/gap-detector/accounts.ts';
import { storeFindings, storeReport } from '../../consumers/gap-detector/audit-store.ts';
import { type AuditReport, buildReport } from '../../consumers/gap-detector/report.ts';
import { unaccountedBelow } from '../../consumers/gap-detector/stored-side.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { scratchDatabase } from '../support/scratch-database.ts';

const AT = { topic: 'pmc.messages.incoming', partition: 0, incarnation: '00000000-0000-4000-8000-000000000001' };
const LOST: Finding = {
  kind: 'missing',
  stage: 'log-to-stored',
  ...AT,
  offset: 5,
  id: 'a\u0000b\ud800',
  detail: 'no row',
};

function reportOf(from: number, findings: readonly Finding[]): AuditReport {
  const accounts = { ...noAccounts(), missing: findings.length, stored: 10 - from - findings.length };
  return buildReport({
    runId: `run-${from}-${findings.length}`,
    mode: 'live',
    startedAtMs: Date.now(),
    finishedAtMs: Date.now(),
    clusterId: 'c',
    coverageMin: 0.95,
    perPartition: [{ ...AT, from, to: 10, end: 10, suspect: 0, ...balance(accounts, 10 - from, 0) }],
    findings,
    epochs: [],
    unreadable: 0,
  });
}

async function withDatabase(work: (pool: Pool) => Promise<void>): Promise<void> {
  await using database = await scratchDatabase(inject('databaseUrl'));
  const pool = createPool(database.url, pino({ level: 'silent' }));
  try {
    await work(pool);
  } finally {
    await pool.end();
  }
}

async function stateOf(pool: Pool): Promise<unknown> {
  return (await pool.query('select state from audit.findings')).rows;
}

test('a finding recovers when its offset is looked at and found, not when it is out of sight', async () => {
  await withDatabase(async (pool) => {
    await storeFindings(pool, reportOf(0, [LOST]), true);
    await storeFindings(pool, reportOf(6, []), true);
    expect(await stateOf(pool)).toEqual([{ state: 'open' }]);
    await storeFindings(pool, reportOf(0, []), true);
    expect(await stateOf(pool)).toEqual([{ state: 'recovered' }]);
  });
});

test('a report with any id in it can be asked about its parts', async () => {
  await withDatabase(async (pool) => {
    await storeReport(pool, reportOf(0, [LOST]));
    const { rows } = await pool.query<{ missing: string }>(
      `select report -> 'accounts' ->> 'missing' as missing from audit.runs`,
    );
    expect(rows).toEqual([{ missing: '1' }]);
  });
});

test('what left the log before it was stored is named, what was stored, a duplicate or purged is not', async () => {
  await withDatabase(async (pool) => {
    await pool.query(
      `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
       select $1, 0, place, gen_random_uuid(), $1, 0, 0 from unnest(array[0, 1, 2, 3, 4, 8]) as place`,
      [AT.incarnation],
    );
    await pool.query(`insert into purged values ($1, 0, 5, 7, 'retention')`, [AT.incarnation]);
    const below = async (upper: bigint) => await unaccountedBelow(pool, { ...AT, upper });
    expect(await below(0n)).toEqual([]);
    expect(await below(5n)).toEqual([]);
    expect(await below(10n)).toEqual([
      { from: 5, to: 7 },
      { from: 9, to: 9 },
    ]);
    await pool.query(`update purged set upper_offset = 8`);
    expect(await below(10n)).toEqual([{ from: 9, to: 9 }]);
    expect(await unaccountedBelow(pool, { ...AT, partition: 1, upper: 3n })).toEqual([{ from: 0, to: 2 }]);
  });
});
