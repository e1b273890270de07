// What a webhook is told of when the audit finds very much at once, finds the same again, or books late: each opening and each
// healing once, losses first, a bounded number at a look.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHANGED, FindingWebhook, PAGE_FINDINGS } from '../../consumers/commands/external/finding-webhook.ts';
import { bookFindings } from '../../consumers/gap-detector/audit-store.ts';
import { FINDING_WEIGHT, type Finding, type FindingKind, findingKey } from '../../consumers/gap-detector/verdict.ts';
import type { Pool } from '../../service/database.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

const TARGET = 'webhook:findings';

let pool: Pool;

withScratchPool((opened) => {
  pool = opened;
});

function finding(kind: FindingKind, offset: number): Finding {
  const at = { topic: 'pmc.messages.incoming', partition: 0, incarnation: 'i', offset };
  return { kind, stage: 'log-to-stored', ...at, detail: 'd' };
}

async function book(findings: readonly Finding[], at = new Date()): Promise<void> {
  await bookFindings(pool, findings, { runId: 'run', at });
}

async function heal(findings: readonly Finding[], healedAt = new Date()): Promise<void> {
  await pool.query(`update audit.findings set state = 'healed', healed_at = $2 where finding_key = any($1)`, [
    ...[findings.map(findingKey), healedAt],
  ]);
}

/** What was queued, in the order in which calls are taken; as `kind offset state`. */
async function told(): Promise<readonly string[]> {
  const { rows } = await pool.query<{ what: string }>(
    `select concat_ws(' ', given ->> 'kind', given #>> '{finding,detail,offset}', given ->> 'state') as what from calls order by created_at, ctid`,
  );
  return rows.map(({ what }) => what);
}

/** Looks until a whole round through all ranks has queued nothing. */
async function toldInTheEnd(webhook = new FindingWebhook(pool, TARGET)): Promise<readonly string[]> {
  for (let idle = 0; idle < 8; ) idle = (await webhook.look()) > 0 ? 0 : idle + 1;
  return await told();
}

const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

test('all are told in the end, each once, however many one round of the audit has booked', async () => {
  const losses = range(3 * PAGE_FINDINGS + 1).map((offset) => finding('missing', offset));
  const others = range(2 * PAGE_FINDINGS).flatMap((offset) => [finding('duplicate', offset), finding('hole', offset)]);
  await book([...others, ...losses]);
  const all = await toldInTheEnd();
  expect(all).toHaveLength(losses.length + others.length);
  expect(new Set(all).size).toBe(all.length);
  // Another member, and a look after a restart, tell none again.
  expect(await new FindingWebhook(pool, TARGET).look()).toBe(0);
});

test('a loss is told at the next look, before what lowers nothing, however much of that there is', async () => {
  const webhook = new FindingWebhook(pool, TARGET);
  await book([finding('missing', 1)], new Date(Date.now() - 60_000));
  await book(range(3 * PAGE_FINDINGS).map((offset) => finding('duplicate', offset)));
  await webhook.look();
  expect((await told())[0]).toBe('missing 1 open');
  await book([finding('altered', 2)], new Date(Date.now() - 30_000));
  await webhook.look();
  expect(await told()).toContain('altered 2 open');
  expect((await told()).length).toBeLessThanOrEqual(8 * PAGE_FINDINGS);
});

test('what was booked late, behind where the round has been, is told in the next round', async () => {
  const webhook = new FindingWebhook(pool, TARGET);
  const losses = range(4 * PAGE_FINDINGS).map((offset) => finding('missing', offset));
  await book(losses);
  for (const _ of range(4)) await webhook.look();
  await book([finding('missing', 9_999)], new Date(Date.now() - 1_800_000));
  await heal(losses.slice(0, 1), new Date(Date.now() - 1_800_000));
  const all = await toldInTheEnd(webhook);
  expect(all).toEqual(expect.arrayContaining(['missing 9999 open', 'missing 0 healed']));
  expect(all).toHaveLength(losses.length + 2);
});

test('a loss that comes back after it was healed is told again, and so is its second healing', async () => {
  const webhook = new FindingWebhook(pool, TARGET);
  const loss = finding('missing', 7);
  for (const [openedMs, healedMs] of [
    [50_000, 40_000],
    [30_000, 20_000],
  ] as const) {
    await book([loss], new Date(Date.now() - openedMs));
    await webhook.look();
    // Seen again while it is open: nothing new.
    await book([loss], new Date(Date.now() - openedMs + 1_000));
    await webhook.look();
    await heal([loss], new Date(Date.now() - healedMs));
    await webhook.look();
  }
  expect(await told()).toEqual(['missing 7 open', 'missing 7 healed', 'missing 7 open', 'missing 7 healed']);
  const { rows } = await pool.query<{ first: boolean }>(
    'select first_seen_at < opened_at - interval $$15 s$$ as first from audit.findings',
  );
  expect(rows).toEqual([{ first: true }]);
});

test('whatever happens between the looks, each change within the hour that a look can see is told once', async () => {
  const kinds = fc.constantFrom<FindingKind>('missing', 'hole', 'duplicate');
  const step = fc.oneof(
    fc.record({ do: fc.constant('book' as const), kind: kinds, count: fc.integer({ min: 1, max: 2 * PAGE_FINDINGS }) }),
    fc.record({ do: fc.constant('heal' as const), kind: kinds, count: fc.integer({ min: 1, max: 2 * PAGE_FINDINGS }) }),
    fc.constant({ do: 'look' as const, kind: 'missing' as const, count: 0 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await pool.query('truncate audit.findings, effects, calls');
      const webhook = new FindingWebhook(pool, TARGET);
      for (const { do: what, kind, count } of steps) {
        const some = range(count).map((offset) => finding(kind, offset));
        if (what === 'look') await webhook.look();
        else if (what === 'book') await book(some);
        else await heal(some);
      }
      const all = await toldInTheEnd(webhook);
      const { rows } = await pool.query<{ what: string }>(
        `select concat_ws(' ', kind, detail ->> 'offset', state) as what from audit.findings`,
      );
      expect(all).toEqual(expect.arrayContaining(rows.map(({ what }) => what)));
    }),
    { numRuns: 15 },
  );
});

test('a look reads an index, whatever was booked before', async () => {
  await pool.query(`
    insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, opened_at, last_seen_at)
    select 'f' || n, 'duplicate', 'log-to-stored', '{}', 'run', now(), now() - interval '1 second' * n, now() from generate_series(1, 20000) n`);
  await pool.query('analyze audit.findings');
  const pages = [[0, 1, 2, 2], Array(4).fill('infinity'), Array(4).fill('')];
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${CHANGED}`, pages);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/Index Scan Backward using findings_changed/);
  expect(plan).toMatch(/Index Cond: .*ROW\(.*\) < ROW\(/);
  expect(plan).not.toContain('Seq Scan');
});

test('the rank of a finding is the weight of its kind', async () => {
  await book(Object.keys(FINDING_WEIGHT).map((kind) => finding(kind as FindingKind, 1)));
  const { rows } = await pool.query<{ kind: string; rank: number }>('select kind, rank from audit.findings');
  const weights = ['fail', 'inconclusive', 'none'] as const;
  expect(Object.fromEntries(rows.map(({ kind, rank }) => [kind, weights[rank]]))).toEqual(FINDING_WEIGHT);
});
