// Limits, and retention: what the ledger of effects knows and what it has forgotten, on a real database. A replay answers nothing
// again, however much was forgotten, and a limit judges the same before and after a restart.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { HandlerDeps } from '../../consumers/commands/handle-batch.ts';
import { InHand } from '../../consumers/commands/in-hand.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import { forget } from '../../consumers/commands/retention.ts';
import type { Pool } from '../../service/database.ts';
import { command, handle, ListLog, NOW_MS, relayOnce } from '../support/command-batches.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

const HOUR_MS = 3_600_000;

let pool: Pool;

withScratchPool((opened) => {
  pool = opened;
});

async function count(sql: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(`select count(*)::text as n from ${sql}`);
  return Number(rows[0]?.n);
}

function forgetBefore(beforeMs: number, ageMs = HOUR_MS) {
  const metrics = commandsMetrics(new Registry());
  const clock = { nowMs: () => beforeMs + ageMs };
  return forget({ pool, clock, ageMs, metrics, signal: new AbortController().signal });
}

const sent = (log: ListLog): readonly string[] => log.replies.map(({ inReplyTo }) => inReplyTo);

test('a limit judges a command the same whatever was kept in memory, and a replay answers none of them again', async () => {
  const events = Array.from({ length: 50 }, (_, index) =>
    command('/ping', `m${index}`, { receivedAt: NOW_MS - 50 + index }),
  );
  const log = new ListLog();
  // As after two restarts: the same records come again, and new ones with them.
  for (const batch of [events.slice(0, 7), events.slice(3, 30), events.slice(10), events]) await handle(pool, batch);
  await relayOnce(pool, log);
  expect(sent(log)).toEqual(events.slice(0, 40).map(({ id }) => id));
  expect(log.replies.filter(({ content }) => content.startsWith('pong'))).toHaveLength(20);
  expect(log.replies.filter(({ content }) => content.startsWith('Too many: ping is answered 20 times'))).toHaveLength(
    20,
  );
  expect(await count(`effects where status = 'skipped' and detail = 'silenced'`)).toBe(10);
  const others = [
    command('/ping', 'x', { actor: 'another' }),
    command('/help', 'y'),
    command('/ping', 'z', { chat: 'other' }),
  ];
  await handle(pool, others);
  await relayOnce(pool, log);
  expect(sent(log).slice(40)).toEqual(['x', 'y', 'z']);
});

test('a limit goes by the order of the records, also where one needs an answer from elsewhere and a later one does not', async () => {
  const searches = Array.from({ length: 20 }, (_, n) => command('/search foo', `m${n}`));
  await handle(pool, [...searches, command('/search', 'complaint')]);
  expect(await count(`effects where detail = 'search'`)).toBe(20);
  expect(await count(`effects where detail = 'limited' and record_offset = 20`)).toBe(1);
});

test('a limit counts what batches of other partitions that are in hand at the same time answer', async () => {
  const inHand = new InHand();
  const bothJudged = Promise.withResolvers<void>();
  let judged = 0;
  const read = async () => {
    judged += 1;
    if (judged === 2) bothJudged.resolve();
    await bothJudged.promise;
    return {};
  };
  const asked = (chat: string) =>
    Array.from({ length: 20 }, (_, n) => command('/ping', `${chat}-${n}`, { source: 'user:eva', chat }));
  const handled = ['a', 'b'].map((chat) => handle(pool, asked(chat), { inHand, board: { read } }));
  await Promise.all(handled);
  expect([await count(`effects where detail = 'ping'`), await count(`effects where detail = 'limited'`)]).toEqual([
    20, 20,
  ]);
  // What is posted is counted once, by the ledger.
  await handle(pool, asked('c'), { inHand });
  expect(await count(`effects where detail = 'silenced'`)).toBe(20);
  expect(inHand.answers).toEqual([]);
});

test('of a replay the ledger tells nothing of the time behind it, and nothing at all where none is to be judged', async () => {
  await handle(
    pool,
    [0, 1, 2].map((n) => command('/ping', `now-${n}`)),
  );
  let answered = 0;
  const query = async (asked: { readonly name: string }) => {
    const result = await pool.query<{ is: string }>(asked as never);
    if (asked.name === 'commands-read-ledger') answered += result.rows.filter(({ is }) => is === 'answered').length;
    return result;
  };
  const counting = { query } as unknown as Pool;
  const patient: Partial<HandlerDeps> = { maxAgeMs: 24 * HOUR_MS };
  const early = command('/ping', 'early', { receivedAt: NOW_MS - HOUR_MS });
  await handle(counting, [early], patient);
  expect(answered).toBe(0);
  await handle(counting, [command('/ping', 'old', { receivedAt: NOW_MS - HOUR_MS + 1 })], { maxAgeMs: 60_000 });
  expect(answered).toBe(0);
});

test('what was forgotten is not answered again, not even where older commands are answered from now on', async () => {
  const log = new ListLog();
  const old = command('/ping', 'old', { receivedAt: NOW_MS - 2 * HOUR_MS });
  const young = command('/ping', 'young', { receivedAt: NOW_MS - 60_000 });
  const patient: Partial<HandlerDeps> = { maxAgeMs: 24 * HOUR_MS };
  await handle(pool, [old, young], patient);
  await relayOnce(pool, log);
  await pool.query(`update outbox set sent_at = to_timestamp($1) where reply_id = $2`, [
    ...[(NOW_MS - 2 * HOUR_MS) / 1_000, log.replies[0]?.replyId],
  ]);
  expect(await forgetBefore(NOW_MS - HOUR_MS)).toEqual({ effects: 1, outbox: 1 });
  expect([await count('effects'), await count('outbox')]).toEqual([1, 1]);

  const unseen = command('/ping', 'unseen', { receivedAt: NOW_MS - 2 * HOUR_MS });
  const { metrics } = await handle(pool, [old, unseen, young], patient);
  await relayOnce(pool, log);
  expect(sent(log)).toEqual(['old', 'young']);
  expect(metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 3 });
  // Nor does the ledger grow again by what it has forgotten.
  expect(await count('effects')).toBe(1);
});

test('the mark never moves back, and what is deleted is counted', async () => {
  await handle(pool, [command('/ping', 'a', { receivedAt: NOW_MS - 2 * HOUR_MS })], { maxAgeMs: 24 * HOUR_MS });
  await forgetBefore(NOW_MS - HOUR_MS);
  await forgetBefore(NOW_MS - 3 * HOUR_MS);
  const { rows } = await pool.query(`select before, rows_total from forgotten where what = 'effects'`);
  expect(rows).toEqual([{ before: new Date(NOW_MS - HOUR_MS), rows_total: '1' }]);
});

test('a clock that is far ahead does not make the service forget everything, and stay silent', async () => {
  await handle(pool, [command('/ping', 'a', { receivedAt: Date.now() })], { clock: { nowMs: () => Date.now() } });
  expect(await forgetBefore(Date.now() + 365 * 24 * HOUR_MS)).toEqual({ effects: 0, outbox: 0 });
  const { rows } = await pool.query<{ before: Date }>(`select before from forgotten where what = 'effects'`);
  expect(rows[0]?.before.getTime()).toBeLessThan(Date.now());
});

test('a reply that is not on the log and a call that has not ended are kept, however old', async () => {
  const old = { receivedAt: NOW_MS - 2 * HOUR_MS };
  await handle(pool, [command('/ping', 'a', old)], { maxAgeMs: 24 * HOUR_MS });
  await pool.query(`update effects set status = 'pending'`);
  await forgetBefore(NOW_MS - HOUR_MS);
  expect([await count('effects'), await count('outbox')]).toEqual([1, 1]);
});

test('much is forgotten in several batches', async () => {
  await pool.query(`
    insert into effects (event_key, kind, target, status, received_at)
    select gen_random_uuid(), 'reply', 's', 'done', now() - interval '9 days' from generate_series(1, 12000)`);
  expect(await forgetBefore(Date.now() - 192 * HOUR_MS)).toEqual({ effects: 12_000, outbox: 0 });
  expect(await count('effects')).toBe(0);
});
