// Excludes: an alarm over replies that nobody can know of any more (their partition has forgotten them, the topic was made again, the row
// of their acknowledgement was purged), and a pass because of which a lost one is not named.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutgoingLog } from '../../consumers/gap-detector/outgoing-log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { deliveredEvent } from '../../schemas/protocol/delivered-event.ts';
import { AuditedSystem } from '../support/audited-system.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { ReplyLog } from '../support/reply-log.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const NOW_MS = Date.now();
const daysAgo = (days: number): number => NOW_MS - days * DAY_MS;

let system: AuditedSystem;
let replies: ReplyLog;

beforeEach(async () => {
  system = await AuditedSystem.start(1);
  replies = await ReplyLog.create(system, 2);
});

afterEach(async () => {
  await replies[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
});

/** A command that was answered then, through this partition. */
async function answered(partition: number, days: number): Promise<string> {
  // The effect is written a moment after its reply was made.
  return await replies.reply(await replies.effect(daysAgo(days) + 5), partition, daysAgo(days));
}

const judged = async (): Promise<string> => await replies.look(new OutgoingLog(), NOW_MS);

/** Retention of the ledger, as of eight days ago. */
async function forget(): Promise<void> {
  await system.pool.query(`insert into forgotten (what, before) values ('outbox', $1), ('effects', $1)`, [
    new Date(daysAgo(8)),
  ]);
  await system.pool.query('delete from outbox where sent_at < $1', [new Date(daysAgo(8))]);
}

/** A peer has acknowledged a reply then. */
function acknowledgement(replyId: string, receivedAt: number): IncomingEvent {
  const [event] = system.messages(1) as [IncomingEvent];
  const about = { source: 's', kind: 'delivered', id: replyId, actor: 's', type: null, chat: null } as const;
  return { ...event, ...about, receivedAt, payload: Buffer.from(JSON.stringify(deliveredEvent(replyId, 's'))) };
}

test('what one partition has forgotten is not asked for, whatever another still has; what is lost since is named', async () => {
  await answered(1, 12);
  await answered(0, 7.5);
  await answered(0, 7);
  await answered(0, 6);
  await answered(1, 5);
  expect(await judged()).toBe('pass not-measurable');
  await replies.cut(0, 2n);
  expect(await judged()).toBe('pass not-measurable');
  const lost = await replies.effect(daysAgo(1));
  expect(await judged()).toBe(`fail not-measurable ${lost}`);
});

test('a partition of which nothing is left lets nothing pass, unless the outbox remembers what it had', async () => {
  await answered(0, 7.5);
  await answered(1, 5);
  await replies.cut(0, 1n);
  expect(await judged()).toBe('inconclusive not-measurable');
  await forget();
  expect(await judged()).toBe('pass not-measurable');
  await replies.effect(daysAgo(7.5) + MINUTE_MS / 4);
  expect(await judged()).toBe('pass not-measurable');
  const lost = await replies.effect(daysAgo(7.5) + MINUTE_MS);
  expect(await judged()).toBe(`fail not-measurable ${lost}`);
});

test('what was read and expires is forgotten, not lost, and its command is not called unanswered', async () => {
  const log = new OutgoingLog();
  await answered(0, 7.5);
  await answered(1, 7);
  await answered(1, 6);
  expect(await replies.look(log, NOW_MS)).toBe('pass not-measurable');
  await replies.cut(0, 1n);
  expect(await replies.look(log, NOW_MS)).toBe('pass not-measurable');
  expect(log.replies).toHaveLength(2);
  await replies.cut(1, 2n);
  expect(await replies.look(log, NOW_MS)).toBe('inconclusive not-measurable');
});

test('a topic that was made again is read from its beginning', async () => {
  const log = new OutgoingLog();
  for (const days of [3, 2, 1]) await answered(0, days);
  expect(await replies.look(log, NOW_MS)).toBe('pass not-measurable');
  await replies.recreate();
  await answered(0, -1);
  expect(await replies.look(log, daysAgo(-0.5))).toBe('inconclusive not-measurable');
  expect(await replies.look(log, daysAgo(-2))).toBe('pass not-measurable');
  const lost = await replies.effect(daysAgo(-1.5));
  expect(await replies.look(log, daysAgo(-2))).toBe(`fail not-measurable ${lost}`);
});

test('what went with a topic that was made again is not asked for by who looks for the first time', async () => {
  for (const days of [4, 3]) await answered(0, days);
  await answered(1, 2);
  await replies.recreate();
  expect(await judged()).toBe('inconclusive not-measurable');
  // One partition has none of its replies, the other one all.
  await answered(0, 1);
  expect(await judged()).toBe('pass not-measurable');
  const lost = await replies.effect(daysAgo(0.5));
  expect(await judged()).toBe(`fail not-measurable ${lost}`);
  // By now it reaches further than the former one did.
  for (const partition of [0, 0, 1, 1]) await answered(partition, 0.4);
  expect(await judged()).toBe(`fail not-measurable ${lost}`);
});

test('what is sent while the topic is looked at went with none', async () => {
  await answered(0, 2);
  const { servers, pool } = system;
  const { admin, ranges, codec } = servers;
  const ends = async (topic: string) => {
    const before = await admin.ends(topic);
    const replyId = await answered(0, 1);
    await pool.query('update outbox set sent_at = clock_timestamp() where reply_id = $1', [replyId]);
    return before;
  };
  const topics = (names: readonly string[]) => admin.topics(names);
  const read = await new OutgoingLog().read({ admin: { ends, topics }, ranges, codec, pool }, replies.topic, NOW_MS);
  expect(read.logBeginsMs).toBe(0);
});

test('a reply whose acknowledgement was purged is not passed over, a later one is', async () => {
  const [first, second] = [await answered(0, 40), await answered(0, 20)];
  const acknowledged = [acknowledgement(first, daysAgo(39)), acknowledgement(second, daysAgo(19))];
  await system.store(await system.appendEvents(acknowledged));
  expect(await judged()).toBe('pass pass');
  const before = new Date(daysAgo(30)).toISOString();
  const purged = await pmcCommand(
    { DATABASE_URL: system.databaseUrl },
    'rows',
    'purge',
    '--before',
    before,
    '--execute',
  );
  expect(purged).toMatchObject({ code: 0, stdout: expect.stringContaining('deleted 1 rows') });
  // Of neither can it be known any more.
  expect(await judged()).toBe('pass inconclusive');
  const later = await answered(0, 15);
  await system.store(await system.appendEvents([acknowledgement(later, daysAgo(14))]));
  expect(await judged()).toBe('pass pass');
  const passed = await replies.effect(daysAgo(10));
  await replies.reply(passed, 0, daysAgo(10));
  const third = await answered(0, 9);
  await system.store(await system.appendEvents([acknowledgement(third, daysAgo(8))]));
  expect(await judged()).toBe(`pass fail ${passed}`);
});

test('where retention has left no row, nothing of before the purge is passed over, and nothing passes', async () => {
  const [first, second] = [await answered(0, 40), await answered(0, 39)];
  await system.store(await system.appendEvents([acknowledgement(first, daysAgo(38))]));
  const before = new Date(daysAgo(30)).toISOString();
  await pmcCommand({ DATABASE_URL: system.databaseUrl }, 'rows', 'purge', '--before', before, '--execute');
  // Its peer says late that it has it.
  await system.pool.query(
    `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, event_id, kind, gateway_epoch,
       ingest_seq, received_at, flags, identity)
     values (gen_random_uuid(), '{}', gen_random_uuid(), 0, 0, 's', $1, 'delivered', 'e', 1, now(), '{}', gen_random_uuid())`,
    [second],
  );
  expect(await judged()).toBe('pass inconclusive');
});
