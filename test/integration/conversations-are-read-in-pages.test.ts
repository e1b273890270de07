// Excludes: a page that repeats or leaves out a message, shows a state of another one, or is shown without the token.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Folding } from '../../consumers/persistence/folding.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import { Store } from '../../consumers/persistence/store.ts';
import { MESSAGES_OF_CHAT, type MessagePage, NEWEST_CONVERSATIONS } from '../../operator/console/conversations.ts';
import type { EventKind } from '../../schemas/generated.ts';
import { type MessageState, NOTHING_HAPPENED } from '../../schemas/message-state.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from '../support/console-under-test.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { storeBatches } from '../support/store-batches.ts';

const TOKEN = 'a token for this test';
const headers = { authorization: `Bearer ${TOKEN}` };
const CHAT = 'team/ünïcode@g.us';
const MESSAGES = 23;
const OTHERS = 3_000;
const KEY = '00000000-0000-4000-8000-000000000000';
const incarnation = randomUUID();
let database: ScratchDatabase;
let pool: pg.Pool;
let console: ConsoleUnderTest;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 4 });
  const rows = [
    ...Array.from({ length: MESSAGES }, (_, n) => event('message', CHAT, `m${n}`, { content: `text ${n}` })),
    event('edit', CHAT, 'e1', { message_id: 'm3', new_content: 'corrected' }),
    event('read', CHAT, 'r1', { message_id: 'm3' }),
    ...Array.from({ length: OTHERS }, (_, n) => event('message', `other-${n % 50}`, `o${n}`, { content: 'x' })),
  ].map((one, index) => {
    // Several share a millisecond.
    const receivedAt = Date.parse('2026-11-26T08:00:00Z') + Math.floor(index / 4);
    const made = toRow({ ...one, receivedAt }, { incarnation, partition: 0, offset: BigInt(index), timestampMs: 0 });
    if (!made.ok) throw made.error;
    return { row: made.row, raw: one.payload };
  });
  await new Store({ pool, breakerPercent: 50 }).write(
    storeBatches(incarnation).batch(rows),
    new AbortController().signal,
  );
  const folding = new Folding({
    ...{ pool, logger: pino({ level: 'silent' }), backoff: { initialMs: 1, maxMs: 1 } },
    ...{ report: () => undefined, onFolded: () => undefined },
  });
  await folding.wakeAll();
  await folding.idle();
  await pool.query('analyze');
  console = await startConsoleUnderTest({
    ...{ port: 0, token: TOKEN, brokers: inject('brokers'), databaseUrl: database.url },
    ...{ controlUrl: undefined, controlToken: undefined },
  });
});
afterAll(async () => {
  await console.stop();
  await pool.end();
  await database[Symbol.asyncDispose]();
});

function event(kind: EventKind, chat: string, id: string, more: object) {
  return incomingEvent({ id, ...more }, { kind, chat, id, actor: 'ann' });
}

async function ask(path: string): Promise<{ status: number; body: MessagePage & { error?: { code: string } } }> {
  const response = await fetch(`${console.url}/api/conversations${path}`, { headers });
  return { status: response.status, body: (await response.json()) as MessagePage & { error?: { code: string } } };
}

test('pages hold every message once, newest first, with its state', async () => {
  const seen: MessagePage['messages'][number][] = [];
  let before = '';
  for (let pages = 1; ; pages += 1) {
    const { body } = await ask(`/${encodeURIComponent(CHAT)}?limit=5${before}`);
    seen.push(...body.messages);
    if (body.next === null) {
      expect(pages).toBe(Math.ceil(MESSAGES / 5));
      break;
    }
    before = `&before=${body.next}`;
  }
  expect(seen.map(({ id }) => id)).toEqual(Array.from({ length: MESSAGES }, (_, n) => `m${MESSAGES - 1 - n}`));
  expect(seen.find(({ id }) => id === 'm3')).toMatchObject({
    ...{ content: 'corrected', isEdited: true, sender: 'ann', source: 'chaos' },
    ...{ read: [{ by: 'ann' }], place: { incarnation, partition: 0, offset: 3 } },
  });
  expect(seen.find(({ id }) => id === 'm4')).toMatchObject({ content: 'text 4', isEdited: false, read: [] });
});

test('a page ends early where the states of its messages are large, and the next one goes on there', async () => {
  // As it was stored before a state had a limit.
  const large = { ...NOTHING_HAPPENED, changes: { e: editOf('x'.repeat(9_000_000)) } };
  const sources = ['m20', 'm19', 'm18'];
  await pool.query(
    `insert into message_state (source, message_id, state) select 'chaos', id, $1 from unnest($2::text[]) as given (id)`,
    [JSON.stringify(large), sources],
  );
  try {
    const pages: (string | null)[][] = [];
    for (let before = ''; pages.length < 3; ) {
      const { body } = await ask(`/${encodeURIComponent(CHAT)}?limit=20${before}`);
      pages.push(body.messages.map(({ id }) => id));
      before = `&before=${body.next}`;
    }
    expect(pages[0]).toEqual(['m22', 'm21', 'm20']);
    expect(pages[1]).toEqual(['m19']);
    expect(pages[2]?.[0]).toBe('m18');
    expect(pages[2]).toHaveLength(19);
  } finally {
    await pool.query('delete from message_state where message_id = any($1)', [sources]);
  }
});

function editOf(content: string): MessageState['changes'][string] {
  return { kind: 'edit', actor: 'ann', content, receivedAtMs: 1, incarnation, partition: 0, offset: 1 };
}

test('what cannot be answered is said, each with its code', async () => {
  const chat = encodeURIComponent(CHAT);
  const answers = await Promise.all(
    [
      `/${chat}?limit=0`,
      `/${chat}?limit=x`,
      `/${chat}?limit=1&limit=2`,
      `/${chat}?before=nonsense`,
      `/${chat}?before=0_9223372036854775808_${KEY}`,
      `/${chat}?before=0_9999999999999999999_${KEY}`,
      `/${chat}?before=0_0_${'-'.repeat(36)}`,
      `/${chat}?before=0_0_${KEY}0`,
      `/${chat}?before=999999999999999_0_${KEY}`,
      '/nobody',
      `/${chat}?source=another`,
      `/${chat}?source=a%00`,
      '/a%00',
      '/a%00?source=b%00',
    ].map(ask),
  );
  expect(answers.map(({ status, body }) => `${status} ${body.error?.code}`)).toEqual([
    ...Array.from({ length: 9 }, () => '400 PMC_USAGE'),
    ...Array.from({ length: 5 }, () => '404 PMC_CONVERSATION_UNKNOWN'),
  ]);
});

test('the list begins with the conversation that something happened in last', async () => {
  const response = await fetch(`${console.url}/api/conversations?limit=200`, { headers });
  const { conversations } = (await response.json()) as { conversations: { chat: string }[] };
  expect(conversations).toHaveLength(51);
  expect(conversations.at(-1)?.chat).toBe(CHAT);
});

test.each(['/api/conversations', '/api/conversations/x'])('%s needs the token', async (path) => {
  expect((await fetch(`${console.url}${path}`)).status).toBe(401);
});

test.each([
  ['messages of a chat', MESSAGES_OF_CHAT, [CHAT, null, 'infinity', '0', '00000000-0000-0000-0000-000000000000', 51]],
  ['newest conversations', NEWEST_CONVERSATIONS, [10]],
])('%s are found by an index', async (_what, text, values) => {
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index');
  if (text === MESSAGES_OF_CHAT) expect(plan).not.toContain('Seq Scan');
});
