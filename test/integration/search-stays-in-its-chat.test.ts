// /search on real rows: what one chat of one source said, and nothing of any other; what was deleted is gone, what was edited is as
// it is now; the chat's own index is used, and a search that takes too long is given up. And /stats, from the same rows.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { activity } from '../../consumers/commands/audit-facts.ts';
import { searchInTime } from '../../consumers/commands/chat-search.ts';
import { SEARCH, type SearchIn } from '../../consumers/commands/search.ts';
import { columnText, NAME_CHARS_MAX } from '../../schemas/column-text.ts';
import { eventKey } from '../../schemas/event-key.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { command, handle, ListLog, relayOnce, SILENT } from '../support/command-batches.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { asAdmin, type ScratchDatabase } from '../support/scratch-database.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

/** Nothing here is slow but what is made to wait for ever. */
const PATIENT_MS = 60_000;
/** Of a statement of the service, in the one test in which it must not end otherwise. */
const STATEMENT_MS = 900;

let database: ScratchDatabase;
let pool: Pool;
let rows = 0;
let startMs = 0;

withScratchPool((opened, scratch) => {
  pool = opened;
  database = scratch;
  rows = 0;
  startMs = Date.now() - 60_000;
});

interface Row {
  readonly content?: string;
  readonly chat?: string | null;
  readonly source?: string;
  readonly kind?: string;
  readonly id?: string;
  readonly of?: string;
  readonly payload?: string;
}

async function store(...all: readonly Row[]): Promise<void> {
  for (const row of all) {
    const { content = null, chat = 'c', source = 's', kind = 'message', id = null, of = null, payload = '{}' } = row;
    rows += 1;
    const timestamp = new Date(startMs + rows * 1_000).toISOString();
    const key = eventKey(incomingEvent('{}', { id: randomUUID() }), Buffer.from('{}'), timestamp);
    await pool.query(
      `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, event_id, kind, chat,
         content, ref_id, gateway_epoch, ingest_seq, received_at)
       values ($1, $11, $2, 0, $3, $4, $5, $6, $7, $8, $9, 'g', $3, $10)`,
      [key, '00000000-0000-4000-8000-000000000000', rows, source, id, kind, chat, content, of, timestamp, payload],
    );
  }
}

async function search(text: string, chat = 'c', source = 's', own = pool): Promise<readonly string[] | undefined> {
  const hits = await searchInTime({ source, chat, text }, { pool: own, logger: SILENT, timeoutMs: PATIENT_MS });
  return hits?.map(({ content }) => content);
}

test('only the asking chat of the asking source is searched', async () => {
  await store(
    { content: 'the red one' },
    { content: 'the red one of another chat', chat: 'd' },
    { content: 'the red one of another source', source: 't' },
    { content: 'the RED two' },
    { content: '/search red' },
    { content: 'red, without a chat', chat: null },
  );
  expect(await search('red')).toEqual(['the RED two', 'the red one']);
  expect(await search('red', 'd')).toEqual(['the red one of another chat']);
  expect(await search('red', "c' or true --")).toEqual([]);
  expect(await search('%')).toEqual([]);
});

test('what was deleted is gone, and what was edited is as it is now', async () => {
  await store(
    { content: 'a red secret', id: 'm1' },
    { content: 'was red', id: 'm2' },
    { content: 'was blue', id: 'm3' },
    { kind: 'delete', of: 'm1' },
    { kind: 'edit', of: 'm2', content: 'is blue' },
    { kind: 'edit', of: 'm3', content: 'is green' },
    { kind: 'edit', of: 'm3', content: 'is red at last' },
    { kind: 'delete', of: 'm2', source: 'another source' },
    { kind: 'edit', of: 'm3' },
  );
  expect(await search('red')).toEqual(['is red at last']);
  expect(await search('blue')).toEqual(['is blue']);
});

test('what somebody removed for themselves only, the others still find', async () => {
  const removed = (of: string, payload: string): Row => ({ kind: 'delete', of, payload });
  await store(
    ...['m1', 'm2', 'm3', 'm4', 'm5'].map((id) => ({ id, content: `${id} is red` })),
    removed('m1', '{"deleted_by":"a\\u0000\\ud800","delete_for_everyone":false}'),
    removed('m2', '{ "delete_for_everyone" :\n false , "a": [{}] }'),
    removed('m3', '{"delete_for_everyone":true}'),
    removed('m4', '{"deleted_by":"\\",\\"delete_for_everyone\\":false,"}'),
    removed('m5', '{"delete_for_everyone":false}'),
    removed('m5', '{"delete_for_everyone":true}'),
  );
  expect(await search('red')).toEqual(['m2 is red', 'm1 is red']);
});

test.each([
  '{"delete_for_everyone":true,"original":{"delete_for_everyone":false}}',
  '{"delete_for_everyone":false,"original":{"delete_for_everyone":true}}',
  '{"metadata":[{"delete_for_everyone":false}]}',
  '{"delete_for_everyone":false,"delete_for_everyone":true}',
  '{"delete_for_everyone":true,"delete_for_everyone":false}',
  String.raw`{"delete_for_everyone":false,"delete\u005ffor_everyone":true}`,
  String.raw`{"delete_for_everyone":false,"a\\":"\\\u0000\uDFFF\ud83d\udc4f\"","delete_\u0000for_everyone":true}`,
  '{"delete_for_everyone":"false"}',
  '[{"delete_for_everyone":false}]',
])('a delete is for its actor only where the payload itself says so: %s', async (payload) => {
  await store({ id: 'm', content: 'red' }, { kind: 'delete', of: 'm', payload });
  const isForActorOnly = JSON.parse(payload).delete_for_everyone === false;
  expect(await search('red')).toEqual(isForActorOnly ? ['red'] : []);
});

test('a delete that nests deeper than is looked into is for everybody, and the search answers', async () => {
  const deep = 6_000;
  const payload = `{"delete_for_everyone":false,"a":${'['.repeat(deep)}${']'.repeat(deep)}}`;
  await store({ id: 'm', content: 'red' }, { kind: 'delete', of: 'm', payload }, { content: 'the other red' });
  expect(await search('red')).toEqual(['the other red']);
});

test('a command asks for its own chat, whatever it says', async () => {
  await store(
    { content: 'mine is red', chat: 'mine', source: 'chaos' },
    { content: 'yours is red', chat: 'yours', source: 'chaos' },
  );
  const log = new ListLog();
  const searched: unknown[] = [];
  await handle(pool, [command('/search red', 'a', { chat: 'mine' }), command('/search red', 'b', { chat: null })], {
    search: (what) => {
      searched.push(what);
      return searchInTime(what, { pool, logger: SILENT, timeoutMs: PATIENT_MS });
    },
  });
  await relayOnce(pool, log);
  expect(searched).toEqual([{ source: 'chaos', chat: 'mine', text: 'red' }]);
  expect(log.replies.map(({ content }) => content)).toEqual([
    expect.stringMatching(/^Newest messages with "red":\nsomebody, .* ago: mine is red$/),
    expect.stringContaining('There is no chat to search in'),
  ]);
});

test('a chat whose name a column cannot hold as it is finds nothing of the chat that is called what is held of it', async () => {
  const longest = 'n'.repeat(NAME_CHARS_MAX);
  const names = [`${longest} and more`, longest, 'a\u0000b', 'a\uFFFDb'];
  await store(
    ...names.map((chat) => ({ chat: columnText(chat, NAME_CHARS_MAX).text, content: 'red', source: 'chaos' })),
  );
  const log = new ListLog();
  const asked = names.map((chat, index) => command('/search red', `${index}`, { chat }));
  const own = { search: (what: SearchIn) => searchInTime(what, { pool, logger: SILENT, timeoutMs: PATIENT_MS }) };
  await handle(pool, asked, own);
  await relayOnce(pool, log);
  expect(log.replies.map(({ content }) => content)).toEqual(
    names.map(() => expect.stringContaining('cannot be searched')),
  );
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** That a search of a chat took from the table, as the service's prepared statement is planned after some runs of it, or at its first ones. */
async function rowsRead(text: string, planFor: 'any values' | 'these values'): Promise<number> {
  return await asAdmin(database.url, async (client) => {
    await client.query(
      `set plan_cache_mode = ${planFor === 'any values' ? 'force_generic_plan' : 'force_custom_plan'}`,
    );
    await client.query(`prepare search as ${SEARCH}`);
    const explain = `explain (analyze, timing off, format json) execute search ('c', 's', '${text}')`;
    const { rows: plans } = await client.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(explain);
    const read = (node: PlanNode): number => {
      const { 'Node Type': type, 'Actual Rows': given, 'Actual Loops': loops, Plans = [] } = node;
      const left = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      const own = /^(Seq|Index|Index Only|Bitmap Heap) Scan$/.test(type) ? (given + left) * loops : 0;
      return own + Plans.reduce((sum, plan) => sum + read(plan), 0);
    };
    return plans[0]?.['QUERY PLAN'][0] === undefined ? Number.NaN : read(plans[0]['QUERY PLAN'][0].Plan);
  });
}

/** That many rows about one message of the chat, one a millisecond. */
async function storeMany(
  count: number,
  row: { kind: string; content: string | null; payload?: string; source?: string },
) {
  const first = rows + 1;
  rows += count;
  await asAdmin(database.url, (client) =>
    client.query(
      `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, kind, chat, content, ref_id,
         gateway_epoch, ingest_seq, received_at)
       select gen_random_uuid(), $1, '00000000-0000-4000-8000-000000000000', 0, n, $2, $3, 'c', $4::text || n, 'm1', 'g', n,
         $5::timestamptz + n * interval '1 ms'
       from generate_series($6::int, $7::int) n`,
      [row.payload ?? '{}', row.source ?? 's', row.kind, row.content, new Date(startMs + first * 1_000), first, rows],
    ),
  );
}

test.each(['any values', 'these values'] as const)(
  'however often a message was edited or removed, few rows are read, by a plan for %s',
  async (planFor) => {
    await store({ id: 'm1', content: 'was blue' }, { id: 'm2', content: 'red' }, { id: 'm3', content: 'red, too' });
    await storeMany(50_000, { kind: 'edit', content: 'is red ' });
    await storeMany(10_000, { kind: 'edit', content: null });
    await storeMany(10_000, { kind: 'edit', content: 'of another source, red ', source: 't' });
    await storeMany(900, { kind: 'delete', content: null, payload: '{"delete_for_everyone":false}' });
    await asAdmin(database.url, (client) => client.query('analyze message_metadata'));
    expect(await search('red')).toEqual(['red, too', 'red', 'is red 50003']);
    expect(await rowsRead('red', planFor)).toBeLessThan(1_000);
    await storeMany(101, { kind: 'delete', content: null, payload: '{"delete_for_everyone":false}' });
    expect(await search('red')).toEqual(['red, too', 'red']);
    expect(await rowsRead('red', planFor)).toBeLessThan(1_100);
  },
);

test('a search reads an index and a bounded number of rows, and is given up when it takes too long', async () => {
  await asAdmin(database.url, (client) =>
    client.query(`
    insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, kind, chat, content, gateway_epoch, ingest_seq, received_at)
    select gen_random_uuid(), '{}', '00000000-0000-4000-8000-000000000000', 0, n, 's', 'message', 'c' || n % 50, 'text ' || n, 'g', n, now()
    from generate_series(1, 50000) n; analyze message_metadata`),
  );
  const { rows: plan } = await pool.query<{ 'QUERY PLAN': string }>(
    `explain ${SEARCH.replaceAll('$1', `'c1'`).replaceAll('$2', `'s'`).replaceAll('$3', `'x'`)}`,
  );
  const text = plan.map((line) => line['QUERY PLAN']).join('\n');
  expect(text).toContain('message_metadata_of_chat');
  expect(text).toContain('message_metadata_changes');
  expect(text).not.toContain('Seq Scan on message_metadata');
  expect(await search('text 49951', 'c1')).toEqual(['text 49951']);

  const hasty = createPool(database.url, SILENT, 1, STATEMENT_MS);
  expect(await search('text 49951', 'c1', 's', hasty)).toEqual(['text 49951']);
  expect((await hasty.query('show jit')).rows).toEqual([{ jit: 'off' }]);
  const blocker = await pool.connect();
  try {
    await blocker.query('begin; lock table message_metadata in access exclusive mode');
    expect(await search('text', 'c', 's', hasty)).toBeUndefined();
  } finally {
    await blocker.query('rollback');
    blocker.release();
    await hasty.end();
  }
});

test('rates and busiest chats are those of the last minutes', async () => {
  await store({ content: 'a' }, { content: 'b' }, { kind: 'typing', chat: 'd' }, { kind: 'presence', chat: null });
  expect(await activity(pool, Date.now())).toMatchObject({
    ...{ events: 4, messages: 2, isCapped: false },
    busiest: [
      { chat: 'c', events: 2 },
      { chat: 'd', events: 1 },
    ],
  });
  expect(await activity(pool, Date.now() + 3_600_000)).toMatchObject({ events: 0, messages: 0, busiest: [] });
});
