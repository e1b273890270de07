// What was lost stays lost when retention has removed its record, and a sender's id cannot make a report unreadable.
import { pino } from 'pino';
import { expect, inject, test } from 'vitest';
import { balance, noAccounts } from '../../consumers/gap-detector/accounts.ts';
import { storeFindings, storeReport } from '../../consumers/gap-detector/audit-store.ts';
import { type AuditReport, buildReport } from '../../consumers/gap-detector/report.ts';
import type { SourceReport } from '../../consumers/gap-detector/source-ledger.ts';
import { unaccountedBelow } from '../../consumers/gap-detector/stored-side.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { DatabaseQueries } from '../../operator/console/queries.ts';
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

const COMPLETE = { isComplete: true };
const at = (laterMs: number): string => new Date(Date.now() + laterMs).toISOString();

interface Said {
  readonly startedAtMs?: number;
  readonly sources?: readonly SourceReport[];
}

function reportOf(
  from: number,
  findings: readonly Finding[],
  { startedAtMs = Date.now(), sources = [] }: Said = {},
): AuditReport {
  const accounts = { ...noAccounts(), missing: findings.length, stored: 10 - from - findings.length };
  return buildReport({
    runId: `run-${from}-${findings.length}`,
    mode: 'live',
    startedAtMs,
    finishedAtMs: startedAtMs,
    clusterId: 'c',
    coverageMin: 0.95,
    perPartition: [{ ...AT, from, to: 10, end: 10, suspect: 0, ...balance(accounts, 10 - from, 0) }],
    findings,
    sources,
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
    await storeFindings(pool, reportOf(0, [LOST]), COMPLETE);
    await storeFindings(pool, reportOf(6, []), COMPLETE);
    expect(await stateOf(pool)).toEqual([{ state: 'open' }]);
    await storeFindings(pool, reportOf(0, []), COMPLETE);
    expect(await stateOf(pool)).toEqual([{ state: 'healed' }]);
  });
});

test('of auditors that run at once the later look has the last word', async () => {
  await withDatabase(async (pool) => {
    const nowMs = Date.now();
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs }), COMPLETE);
    const healed = (startedAtMs: number) => storeFindings(pool, reportOf(0, [], { startedAtMs }), COMPLETE);
    expect(await healed(nowMs - 1)).toEqual([]);
    expect(await stateOf(pool)).toEqual([{ state: 'open' }]);
    expect(await healed(nowMs + 10)).toHaveLength(1);
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + 9 }), COMPLETE);
    expect(await stateOf(pool)).toEqual([{ state: 'healed' }]);
    // A round may end late and still rest on an old look.
    const carried = { ...COMPLETE, lookedAtMs: () => nowMs + 9 };
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + 20 }), carried);
    expect(await stateOf(pool)).toEqual([{ state: 'healed' }]);
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + 20 }), COMPLETE);
    await storeFindings(pool, reportOf(0, [], { startedAtMs: nowMs + 30 }), carried);
    expect(await stateOf(pool)).toEqual([{ state: 'open' }]);
  });
});

test('an auditor that tells again what an earlier look of its own saw does not keep it open', async () => {
  await withDatabase(async (pool) => {
    const nowMs = Date.now();
    const carried = { ...COMPLETE, lookedAtMs: () => nowMs };
    for (const afterMs of [5, 50, 90])
      await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + afterMs }), carried);
    // It began before the last of those rounds, and after their look.
    expect(await storeFindings(pool, reportOf(0, [], { startedAtMs: nowMs + 40 }), COMPLETE)).toHaveLength(1);
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + 95 }), carried);
    expect(await stateOf(pool)).toEqual([{ state: 'healed' }]);
  });
});

test('a look that a finding was healed by has its time on the books, and one that began after it opens it again', async () => {
  await withDatabase(async (pool) => {
    const nowMs = Date.now();
    const books = async () => (await pool.query('select state, healed_at, healed_run from audit.findings')).rows;
    const lookedAt = (atMs: number) => ({ ...COMPLETE, lookedAtMs: () => atMs });
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs }), COMPLETE);
    // Something waits for its second look: nothing is healed by that.
    await storeFindings(pool, reportOf(0, [], { startedAtMs: nowMs + 90 }), {
      ...lookedAt(nowMs + 50),
      isComplete: false,
    });
    expect(await books()).toEqual([{ state: 'open', healed_at: null, healed_run: null }]);
    await storeFindings(pool, reportOf(0, [], { startedAtMs: nowMs + 90 }), lookedAt(nowMs + 50));
    expect(await books()).toEqual([{ state: 'healed', healed_at: new Date(nowMs + 50), healed_run: 'run-0-0' }]);
    await storeFindings(pool, reportOf(0, [LOST], { startedAtMs: nowMs + 80 }), lookedAt(nowMs + 60));
    expect(await books()).toEqual([{ state: 'open', healed_at: null, healed_run: null }]);
  });
});

test('what expired before it was judged is not healed by that, nor is what the log will hold for ever', async () => {
  await withDatabase(async (pool) => {
    const unaudited: Finding = { ...LOST, kind: 'expired-unaudited', from: 3, to: 5, detail: 'retention' };
    const reordered: Finding = { ...LOST, kind: 'reordered', stage: 'source-to-gateway', offset: 6, detail: 'late' };
    await storeFindings(pool, reportOf(0, [LOST, reordered]), COMPLETE);
    expect(await storeFindings(pool, reportOf(0, [unaudited]), COMPLETE)).toEqual([]);
    const beside = { ...unaudited, to: 4 };
    const healed = await storeFindings(pool, reportOf(0, [beside]), COMPLETE);
    expect(healed.map(({ finding }) => finding.kind)).toEqual(['missing']);
  });
});

test('a number of a source that came late after all is healed, where its stream was judged up to it', async () => {
  await withDatabase(async (pool) => {
    const of = { source: 's', stream: 'a', streamEpoch: 'e' };
    const gap: Finding = {
      kind: 'source-gap',
      stage: 'source-to-gateway',
      ...of,
      from: 5,
      to: 7,
      detail: 'never arrived',
    };
    const judged = (from: number, judgedUpTo: number, streamEpoch = 'e') => {
      return { ...of, streamEpoch, from, judgedUpTo, received: 9, missing: 0 };
    };
    await storeFindings(pool, reportOf(0, [gap], { sources: [judged(1, 9)] }), COMPLETE);
    for (const other of [judged(1, 6), judged(6, 9), judged(1, 9, 'f')]) {
      await storeFindings(pool, reportOf(0, [], { sources: [other] }), COMPLETE);
      expect(await stateOf(pool)).toEqual([{ state: 'open' }]);
    }
    // A part that came is not the whole, and what is left of it has another name.
    await storeFindings(pool, reportOf(0, [{ ...gap, from: 6 }], { sources: [judged(1, 9)] }), COMPLETE);
    expect(await stateOf(pool)).toEqual([{ state: 'open' }, { state: 'open' }]);
    await storeFindings(pool, reportOf(0, [], { sources: [judged(1, 9)] }), COMPLETE);
    expect(await stateOf(pool)).toEqual([{ state: 'healed' }, { state: 'healed' }]);
    // A few streams are kept with a report, of very many only the sums.
    for (const count of [200, 201]) {
      const sources = Array.from({ length: count }, (_, index) => judged(1, 9, `${index}`));
      await storeReport(pool, { ...reportOf(0, [], { sources }), runId: `run-${count}` });
    }
    const { rows } = await pool.query<{ stages: { judged?: number; streams?: object[] }[] }>(
      `select report -> 'stages' as stages from audit.runs order by id`,
    );
    const kept = rows.map(({ stages: [first] }) => [first?.judged, first?.streams?.length]);
    expect(kept).toEqual([
      [1_800, 200],
      [1_809, undefined],
    ]);
  });
});

test('what is no part of a gap does not keep it open: other streams, other numbers, or that its own came late', async () => {
  await withDatabase(async (pool) => {
    const of = { source: 's', stream: 'a', streamEpoch: 'e' };
    const sources = ['a', 'b'].map((stream) => {
      return { ...of, stream, from: 1, judgedUpTo: 20, received: 9, missing: 0 };
    });
    const about = { stage: 'source-to-gateway', ...of, detail: '' } as const;
    const gap: Finding = { kind: 'source-gap', ...about, from: 5, to: 7 };
    const others: readonly Finding[] = [
      { ...gap, stream: 'b', from: 6 },
      { ...gap, from: 8, to: 9 },
      { ...gap, from: 2, to: 4 },
      { kind: 'reordered', ...about, ...AT, offset: 9, from: 6, to: 6 },
    ];
    await storeFindings(pool, reportOf(0, [gap, ...others], { sources }), COMPLETE);
    const healed = await storeFindings(pool, reportOf(0, others, { sources }), COMPLETE);
    expect(healed.map(({ finding }) => finding)).toEqual([gap]);
  });
});

test('a report of the running audit keeps what is lost and says how much it leaves off', async () => {
  await withDatabase(async (pool) => {
    const repeated = Array.from({ length: 600 }, (_, offset): Finding => ({ ...LOST, kind: 'duplicate', offset }));
    const report = reportOf(0, [...repeated, { ...LOST, offset: 601 }]);
    await storeReport(pool, report);
    const { rows } = await pool.query<{ report: string }>('select report::text as report from audit.runs');
    const { findings, findingsLeftOff } = JSON.parse(rows[0]?.report ?? '{}') as AuditReport;
    expect([findings[0]?.kind, findings.length, findingsLeftOff]).toEqual(['missing', 500, 101]);

    // Nor is it hidden from the console by what came after it on the books.
    await storeFindings(pool, { ...report, findings: report.findings.slice(0, 1) }, COMPLETE);
    await storeFindings(pool, { ...report, findings: repeated, finishedAt: at(60_000) }, { isComplete: false });
    const { audit } = await new DatabaseQueries(pool, inject('databaseUrl')).facts();
    expect([audit.listed[0]?.kind, audit.listed.length, audit.open]).toEqual([
      'missing',
      100,
      { missing: 1, duplicate: 600 },
    ]);
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
      { from: 7, to: 7 },
      { from: 9, to: 9 },
    ]);
    await pool.query(`update purged set upper_offset = 8`);
    expect(await below(10n)).toEqual([{ from: 9, to: 9 }]);
    expect(await unaccountedBelow(pool, { ...AT, partition: 1, upper: 3n })).toEqual([{ from: 0, to: 2 }]);
  });
});

test('nor is what an audit had judged, unless it found that lost, or said that nobody can know', async () => {
  await withDatabase(async (pool) => {
    const { topic, incarnation } = AT;
    await pool.query(
      `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
       select $1, 0, place, gen_random_uuid(), $1, 0, 0 from unnest(array[2, 3, 5, 20]) as place`,
      [incarnation],
    );
    await pool.query(
      `insert into quarantine (incarnation, topic, partition, record_offset, code, reason) values ($1, $2, 0, 6, 'X', '')`,
      [incarnation, topic],
    );
    const anchored = async (auditedTo: number, of = incarnation) =>
      await pool.query(
        `insert into audit.anchors values ($1, 0, 'c', $2, 0, 0, 0, 0, 0, $3, now())
         on conflict (topic, partition) do update set incarnation = $2, audited_to = $3`,
        [topic, of, auditedTo],
      );
    const below = async (upper: bigint) =>
      (await unaccountedBelow(pool, { ...AT, upper })).map(({ from, to }) => `${from}-${to}`);
    await anchored(30, '00000000-0000-4000-8000-000000000002');
    expect(await below(30n)).toEqual(['0-1', '4-4', '7-19', '21-29']);
    await anchored(10);
    expect(await below(30n)).toEqual(['10-19', '21-29']);
    await anchored(40);
    expect(await below(30n)).toEqual([]);
    const expired: Finding = { kind: 'expired-unaudited', stage: 'log-to-stored', ...AT, from: 1, to: 4, detail: '' };
    // Where it was found lost, the claims of persistence were not true.
    const told: readonly Finding[] = [
      ...[LOST, { ...LOST, offset: 6 }, { ...LOST, kind: 'hole', offset: 22 } as const, expired],
      // Neither of this place nor of this kind.
      ...[{ ...LOST, partition: 1, offset: 7 }, { ...LOST, kind: 'reordered', offset: 8 } as const],
      ...[{ ...LOST, offset: 50 }, { ...LOST, stage: 'gateway-to-log', offset: 9 } as const],
    ];
    await storeFindings(pool, reportOf(0, told), COMPLETE);
    expect(await below(30n)).toEqual(['1-1', '4-6', '22-22']);
    await pool.query(`update audit.findings set state = 'healed' where kind = 'missing'`);
    expect(await below(30n)).toEqual(['1-1', '4-4', '22-22']);
  });
});
