// Excludes: a loss that the books have and no list, exit code or replay names, because there is so much else.
import { expect, test } from 'vitest';
import { bookFindings, storeReport } from '../../consumers/gap-detector/audit-store.ts';
import { bookedFindings, countBooked, missingRanges } from '../../consumers/gap-detector/findings-book.ts';
import { buildReport, type HealedFinding } from '../../consumers/gap-detector/report.ts';
import { unaccountedBelow } from '../../consumers/gap-detector/stored-side.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import type { Pool } from '../../service/database.ts';
import { withRowStore } from '../support/row-store.ts';

const HARMLESS = 100_000;
const INCARNATION = '00000000-0000-4000-8000-000000000001';
const AT = { topic: 't', partition: 0, incarnation: INCARNATION, stage: 'log-to-stored', detail: 'no row' } as const;

let pool: Pool;

withRowStore((opened) => {
  pool = opened.pool;
});

const missing = (offset: number, about: Partial<Finding> = {}): Finding => ({
  ...AT,
  kind: 'missing',
  offset,
  ...about,
});

async function book(...findings: readonly Finding[]): Promise<void> {
  await bookFindings(pool, findings, { runId: 'run', at: new Date() });
}

test('behind more harmless findings than are listed, and older ones, a loss is the first', async () => {
  await pool.query(
    `insert into audit.findings (finding_key, kind, stage, detail, coincident, first_run, first_seen_at, last_seen_at)
     select 'duplicate' || n, 'duplicate', 'log-to-stored', json_build_object('kind', 'duplicate', 'offset', n), '[]', 'run',
       now() - interval '1 day', now() from generate_series(1, $1::integer) as n`,
    [HARMLESS],
  );
  await book(missing(7));
  const listed = await bookedFindings(pool, { isAll: false });
  expect([listed.length, listed[0]?.finding]).toEqual([HARMLESS, missing(7)]);
  expect(await countBooked(pool)).toEqual([
    { kind: 'duplicate', open: HARMLESS, told: HARMLESS, healed: 0 },
    { kind: 'missing', open: 1, told: 1, healed: 0 },
  ]);
});

test('what happened to the log itself stays on the books, and is told for a week', async () => {
  const kinds = ['truncated', 'recreated', 'epoch-regressed', 'expired-unaudited', 'missing'] as const;
  const told = async () => (await countBooked(pool)).map(({ kind, open, told: now }) => `${kind} ${open} ${now}`);
  await book(...kinds.map((kind) => missing(7, { kind })));
  expect(await told()).toEqual(kinds.map((kind) => `${kind} 1 1`).sort());
  await pool.query("update audit.findings set first_seen_at = first_seen_at - interval '8 days'");
  const once = new Set<string>(kinds.slice(0, 3));
  expect(await told()).toEqual(kinds.map((kind) => `${kind} 1 ${once.has(kind) ? 0 : 1}`).sort());
});

test('what is missing is read from the books as ranges, however much it is', async () => {
  const many = Array.from({ length: 120_000 }, (_, index) => missing(index));
  const elsewhere = { incarnation: '00000000-0000-4000-8000-000000000002' };
  await book(
    ...[missing(120_001), missing(3, { partition: 2 }), missing(4, { partition: 2 }), missing(9, elsewhere)],
    ...[missing(200_000, { topic: 'other' }), missing(200_000, { kind: 'altered' })],
    ...[missing(200_000, { stage: 'gateway-to-log' })],
  );
  await bookFindings(pool, many, { runId: 'run', at: new Date() });
  expect(await missingRanges(pool, 't')).toEqual([
    { incarnation: INCARNATION, partition: 0, lower: 0n, upper: 120_000n },
    { ...elsewhere, partition: 0, lower: 9n, upper: 10n },
    { incarnation: INCARNATION, partition: 0, lower: 120_001n, upper: 120_002n },
    { incarnation: INCARNATION, partition: 2, lower: 3n, upper: 5n },
  ]);
});

test('of one offset the books tell what names no incarnation too, and nothing of another life of the topic', async () => {
  const { incarnation: _, ...anyLife } = AT;
  const altered: Finding = { ...anyLife, kind: 'altered', stage: 'gateway-to-log', offset: 5 };
  await book(missing(5), missing(6), altered, missing(5, { incarnation: '00000000-0000-4000-8000-000000000002' }));
  const place = { topic: 't', incarnation: INCARNATION, partition: 0, offset: 5 };
  const told = await bookedFindings(pool, { isAll: false, place });
  expect(told.map(({ finding }) => finding.kind).sort()).toEqual(['altered', 'missing']);
});

test('of very many ranges that left the log unaccounted for the last one stands for those that follow', async () => {
  await pool.query(
    `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
     select $1, 0, 2 * place, gen_random_uuid(), $1, 0, 0 from generate_series(0, 1499) as place`,
    [AT.incarnation],
  );
  const ranges = await unaccountedBelow(pool, { ...AT, upper: 3_000n });
  expect([ranges.length, ranges[0], ranges.at(-1)]).toEqual([1_000, { from: 1, to: 1 }, { from: 1_999, to: 2_999 }]);
});

test('a report on the books has an end, however much is lost and whatever it is called, and says how much it leaves off', async () => {
  const kept = async (runId: string, findings: readonly Finding[], healed: readonly HealedFinding[] = []) => {
    const times = { startedAtMs: Date.now(), finishedAtMs: Date.now(), epochs: [], unreadable: 0, perPartition: [] };
    const report = buildReport({ ...times, runId, findings, mode: 'run', clusterId: 'c', coverageMin: 0.95 });
    await storeReport(pool, { ...report, healed });
    const { rows } = await pool.query<{ listed: number; left: string; healed: number }>(
      `select json_array_length(report -> 'findings') as listed, report ->> 'findingsLeftOff' as left,
         json_array_length(report -> 'healed') as healed from audit.runs where id = $1`,
      [runId],
    );
    return rows;
  };
  const many = Array.from({ length: 100_002 }, (_, offset) => missing(offset));
  expect(await kept('many', many)).toEqual([{ listed: 100_000, left: '2', healed: 0 }]);
  const long = [1, 2, 3].map((offset) => missing(offset, { id: 'x'.repeat(30_000_000) }));
  expect(await kept('long', long)).toEqual([{ listed: 2, left: '1', healed: 0 }]);
  // What is well again has an end, too: the books have the healing already, and the run would end without its document.
  const at = new Date().toISOString();
  const well = (finding: Finding): HealedFinding => ({ finding, firstRun: 'run', firstSeenAt: at, healedAt: at });
  expect(await kept('healed', [missing(1)], many.map(well))).toEqual([{ listed: 1, left: '0', healed: 100_000 }]);
  expect(await kept('healed long', long, long.map(well))).toEqual([{ listed: 2, left: '1', healed: 2 }]);
});
