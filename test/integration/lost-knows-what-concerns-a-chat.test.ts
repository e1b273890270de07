// /lost on the books of the audit: what concerns the asking chat is told however much is open elsewhere, and what is not about it is
// not told.
import { expect, test } from 'vitest';
import { losses, OPEN_BY_PLACE, OPEN_BY_STAGE, openByStage } from '../../consumers/commands/audit-facts.ts';
import { reply } from '../../consumers/commands/decide.testing.ts';
import { bookFindings } from '../../consumers/gap-detector/audit-store.ts';
import type { Finding, FindingKind } from '../../consumers/gap-detector/verdict.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

const MINE = partitionFor('c1', 6);
const TOPICS = [{ topic: TOPIC.incoming, partitions: 6, retentionMs: -1 }];

let pool: Pool;

withScratchPool((opened) => {
  pool = opened;
});

const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

function ofPartition(kind: FindingKind, partition: number, offset: number): Finding {
  const at = { topic: TOPIC.incoming, partition, incarnation: 'i', offset, id: `m${partition}-${offset}` };
  return { kind, stage: 'log-to-stored', ...at, source: 'chaos', detail: 'd' };
}

function ofReply(kind: FindingKind, replyId: string, source?: string): Finding {
  const about = { topic: TOPIC.outgoing, replyId, id: replyId, ...(source !== undefined && { source }) };
  return { kind, stage: 'command-to-reply', ...about, detail: 'd' };
}

function gapOf(source: string, from: number): Finding {
  return { kind: 'source-gap', stage: 'source-to-gateway', source, stream: 's', streamEpoch: 'e', from, detail: 'd' };
}

async function book(findings: readonly Finding[], agoMs = 0): Promise<void> {
  await bookFindings(pool, findings, { runId: 'run', at: new Date(Date.now() - agoMs) });
}

async function lost(asker: { chat: string; source: string }): Promise<readonly string[]> {
  await pool.query(
    `insert into audit.runs (id, mode, started_at, finished_at, verdict, report) values ('r', 'live', now(), now(), 'fail', '{}')
     on conflict do nothing`,
  );
  return reply('/lost', { losses: await losses(pool), topics: TOPICS }, asker)
    .split('\n')
    .slice(1);
}

test('a loss of the chat is told however much is open elsewhere, and whatever is newer in its own place', async () => {
  await book([ofPartition('missing', MINE, 1)], 60_000);
  await book(range(300).map((offset) => ofPartition('missing', (MINE + 1) % 6, offset)));
  await book(range(300).map((offset) => ofPartition('duplicate', MINE, offset)));
  const lines = await lost({ chat: 'c1', source: 'chaos' });
  expect(lines[1]).toBe(`missing message m${MINE}-1 (log-to-stored): d`);
  expect(lines.slice(2, 6).every((line) => line.startsWith(`duplicate message m${MINE}-`))).toBe(true);
  expect(lines.at(-1)).toBe('and 296 more; an operator sees all with: pmc audit run');
});

test('what is about no place, or about another, is told to no chat, and counted', async () => {
  await book([
    ofReply('reply-missing', 'secret-1'),
    ofReply('reply-doubled', 'secret-2', 'another'),
    gapOf('third', 1),
  ]);
  await book([ofPartition('missing', (MINE + 1) % 6, 1)]);
  expect(await lost({ chat: 'c1', source: 'chaos' })).toEqual(['Nothing that concerns this chat is open.']);
  expect(await openByStage(pool)).toEqual({
    ...{ 'command-to-reply': 2, 'source-to-gateway': 1, 'log-to-stored': 1 },
  });
});

test.each(['x'.repeat(700), '💯'.repeat(600), 'a\u0000\ud83d', 'partition 3', ''])(
  'a source is known by whatever name (%#)',
  async (source) => {
    await book([gapOf(source, 1)]);
    expect(await lost({ chat: 'c1', source })).toContain('source-gap (source-to-gateway): d');
    expect(await lost({ chat: 'c1', source: 'another' })).toEqual(['Nothing that concerns this chat is open.']);
  },
);

test('more sources than are looked through are not called nothing', async () => {
  await book(range(1_200).map((n) => gapOf(`s${n}`, 1)));
  await book([ofPartition('missing', MINE, 1)]);
  expect((await lost({ chat: 'c1', source: 's999' }))[1]).toContain(`missing message m${MINE}-1`);
  await pool.query(`update audit.findings set state = 'healed', healed_at = now() where kind = 'missing'`);
  expect((await lost({ chat: 'c1', source: 's999' }))[0]).toMatch(/^Whether anything .* is unknown/);
});

test('what is open is counted and found by an index', async () => {
  await pool.query(`
    insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, last_seen_at)
    select 'f' || n, 'duplicate', 'log-to-stored', json_build_object('topic', '${TOPIC.incoming}', 'partition', n % 6, 'id', 'i' || n),
      'run', now(), now() from generate_series(1, 20000) n`);
  await pool.query('vacuum analyze audit.findings');
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${OPEN_BY_PLACE}`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/Index (Only )?Scan using findings_open/);
  expect(plan).not.toContain('Seq Scan');
  expect(plan).not.toMatch(/\bSort\b/);
});

test.each([OPEN_BY_PLACE, OPEN_BY_STAGE])(
  'what was healed, however much, is not read for what is open: %s',
  async (question) => {
    await pool.query(`
    insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, last_seen_at, state, healed_at)
    select 'f' || n, 'missing', 'log-to-stored', json_build_object('topic', '${TOPIC.incoming}', 'partition', n % 6, 'id', 'i' || n),
      'run', now(), now(), case when n <= 20 then 'open' else 'healed' end, case when n > 20 then now() end
    from generate_series(1, 200020) n`);
    await pool.query('analyze audit.findings');
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${question}`);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).not.toContain('Seq Scan');
  },
);
