// Seeded chaos over the whole system, and after each seed the audit beside the simulator's ledger: every emitted frame is in exactly the
// account that the ledger puts it into, the audit names the numbers that the source has lost and the ends that nobody knows, and
// nothing else. PMC_FAULTS=long runs 100 seeds; its last result is kept in last-audit-run.json.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FINDING_WEIGHT, type Finding, type StageVerdict } from '../../consumers/gap-detector/verdict.ts';
import { ChaosBench } from '../support/chaos/chaos-bench.ts';
import { CHAOS_POINTS, type ChaosPlan, type ChaosPoint, chaosPlan } from '../support/chaos/chaos-plan.ts';
import { type ChaosRun, chaosRun } from '../support/chaos/chaos-run.ts';
import { lowering, numbersNamed } from '../support/chaos/emitted-accounts.ts';
import { IS_LONG, keepResult } from '../support/log/suite-form.ts';

const SEEDS_MORE = 6;
const RESULT = new URL('./last-audit-run.json', import.meta.url);
const SEEDS = Array.from({ length: IS_LONG ? 100 : 20 }, (_, index) => index + 1);

let bench: ChaosBench;
const runs: { readonly plan: ChaosPlan; readonly run: ChaosRun }[] = [];
const lost = new Set<string>();

beforeAll(async () => {
  bench = await ChaosBench.start();
  await bench.begin();
});

afterAll(async () => {
  await bench?.stop();
  if (runs.length < SEEDS.length) return;
  const total = (of: (run: ChaosRun) => number): number => runs.reduce((sum, { run }) => sum + of(run), 0);
  const last = runs.at(-1)?.run;
  keepResult(RESULT, {
    seeds: runs.length,
    kills: hits(),
    outages: Object.fromEntries(
      [...Map.groupBy(runs, ({ plan }) => breakageOf(plan))].map(([name, all]) => [name, all.length]),
    ),
    frames: total(({ verdict }) => verdict.frames.sent),
    stored: last?.report.accounts.stored,
    duplicates: last?.report.accounts.duplicateOf,
    rejected: total(({ accounts }) => accounts.counts.rejected),
    lostByTheSource: lost.size,
    foundByTheAudit: total(({ missed }) => missed.size),
    endsOfConnections: total(({ accounts }) => accounts.counts.tail),
    openEnds: last?.openEnds.length,
    unexplained: total(({ verdict }) => verdict.unexplained),
  });
});

function hits(): Readonly<Record<string, number>> {
  const hit = (point: string) => runs.filter(({ plan, run }) => plan.point === point && run.wasHit).length;
  return Object.fromEntries(CHAOS_POINTS.map((point) => [point, hit(point)]));
}

function missedPoints(): readonly ChaosPoint[] {
  const all = hits();
  return CHAOS_POINTS.filter((point) => all[point] === 0);
}

function breakageOf({ breakage }: ChaosPlan): string {
  return breakage === undefined ? 'none' : `${breakage.part} ${breakage.outage}`;
}

const stageOf = ({ report }: ChaosRun, name: string): StageVerdict | undefined =>
  report.stages.find(({ stage }) => stage === name)?.verdict;

/** One run, and what the audit has to say of it. */
async function judged(plan: ChaosPlan): Promise<void> {
  const run = await chaosRun(bench, plan);
  runs.push({ plan, run });
  for (const name of run.lost) lost.add(name);
  const { report, verdict, openEnds } = run;
  const about = `${JSON.stringify(plan)}\n${JSON.stringify(report.stages)}\n${bench.logs()}`;

  expect(
    verdict.findings.filter(({ explanation }) => explanation === undefined),
    about,
  ).toEqual([]);
  expect(run.accounts.wrong, about).toEqual([]);
  expect(
    [...run.missed].filter((one) => !lost.has(one)),
    about,
  ).toEqual([]);

  const { rows } = await bench.pool.query<{ stored: number; duplicates: number }>(
    `select (select count(*) from message_metadata)::int as stored,
       (select count(*) from duplicates where status = 'open')::int as duplicates`,
  );
  const { stored = 0, duplicates = 0 } = rows[0] ?? {};
  const nothing = { altered: 0, quarantined: 0, control: 0, aborted: 0, expired: 0, purged: 0, missing: 0, extra: 0 };
  const books = { settled: stored + duplicates, stored, duplicateOf: duplicates, ...nothing, residual: 0 };
  expect(report.accounts, about).toEqual(books);
  expect(report.coverage).toBe(1);

  // Nothing is called lost but what the source has lost, nothing unknown but the ends of the killed.
  const tails = report.findings.filter(({ kind }) => kind === 'tail-unknown');
  expect(tails.map(({ gatewayEpoch = '' }) => gatewayEpoch).toSorted(), about).toEqual(openEnds);
  expect(
    lowering(report).filter((key) => !/^(?:tail-unknown|source-gap)\|/.test(key)),
    about,
  ).toEqual([]);
  const isLossNamed = numbersNamed(report.findings).size > 0;
  expect(stageOf(run, 'source-to-gateway'), about).toBe(isLossNamed ? 'fail' : 'pass');
  expect(stageOf(run, 'gateway-to-log'), about).toBe(openEnds.length > 0 ? 'inconclusive' : 'pass');
  expect(stageOf(run, 'log-to-stored'), about).toBe('pass');
  expect(report.verdict).toBe(isLossNamed ? 'fail' : openEnds.length > 0 ? 'inconclusive' : 'pass');
  // The running audit looks later, and may know a number by then that was too young.
  expect(run.live.late, about).toBeUndefined();
  const live = run.live.report ?? report;
  const known = lowering(report);
  const more = lowering(live).filter((key) => !known.includes(key));
  expect(
    more.filter((key) => !key.startsWith('source-gap|')),
    about,
  ).toEqual([]);
  expect(
    [...numbersNamed(live.findings)].filter((one) => !lost.has(one)),
    about,
  ).toEqual([]);
}

describe('whatever is killed, away or lost, the audit says what the ledger says', () => {
  test.for(SEEDS)('seed %i', async (seed) => await judged(chaosPlan(seed, SEEDS.length)));
});

test('every kill point was hit, and every verdict was given', { timeout: 600_000 }, async () => {
  // Whether a service comes to a point in its few seconds is chance as well: what was not hit has more seeds.
  for (let seed = SEEDS.length + 1; seed <= SEEDS.length + SEEDS_MORE; seed += 1) {
    const [missed] = missedPoints();
    if (missed !== undefined) await judged(chaosPlan(seed, SEEDS.length, missed));
  }
  expect(missedPoints()).toEqual([]);
  const verdicts = new Set(runs.map(({ run }) => run.report.verdict));
  expect([...verdicts].toSorted()).toEqual(['fail', 'inconclusive', 'pass']);
});

test('every number that the source has lost is named, and no other was at any time', async () => {
  // A number that nobody has given up may be on its way again for half a minute.
  await vi.waitFor(async () => expect(numbersNamed((await bench.audit()).findings)).toEqual(lost), {
    timeout: 90_000,
    interval: 5_000,
  });
  const { rows } = await bench.pool.query<{ detail: Finding }>(
    'select detail from audit.findings where kind = any($1)',
    [Object.entries(FINDING_WEIGHT).flatMap(([kind, weight]) => (weight === 'fail' ? kind : []))],
  );
  const named = rows.map(({ detail }) => detail);
  expect(named.filter(({ kind }) => kind !== 'source-gap')).toEqual([]);
  expect(numbersNamed(named)).toEqual(lost);
});

test('a row that goes behind its back is found', async () => {
  const { rows } = await bench.pool.query<{ partition: number; offset: number }>(
    // One that nothing else is a duplicate of: those would be missing with it.
    `delete from message_metadata where id = (
       select id from message_metadata where id not in (select id from duplicates) order by id limit 1)
     returning partition, record_offset::int as offset`,
  );
  const report = await bench.audit();
  const missing = report.findings.filter(({ kind }) => kind === 'missing');
  expect(missing.map(({ partition, offset }) => ({ partition, offset }))).toEqual(rows);
  expect(report).toMatchObject({ verdict: 'fail', accounts: { missing: 1, residual: 0 } });
});
