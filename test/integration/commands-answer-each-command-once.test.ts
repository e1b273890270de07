// Replays, resends, crashes at each step and several relays: what reaches the log is every reply, and never two of them
// under different reply ids. The database is real; the log is a list, so that each append can be made to fail.

import { Registry } from 'prom-client';
import { expect, inject, test } from 'vitest';
import { declaredWithRuleOfApi } from '../../consumers/commands/decide.testing.ts';
import { handleBatch } from '../../consumers/commands/handle-batch.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import { ReplyLanes } from '../../consumers/commands/reply-lanes.ts';
import type { Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import {
  batchOf,
  command,
  handle,
  handlerDeps,
  ListLog,
  NOW_MS,
  relayOnce,
  relayTo,
  SILENT,
} from '../support/command-batches.ts';
import { asAdmin, type ScratchDatabase } from '../support/scratch-database.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

let database: ScratchDatabase;
let pool: Pool;

withScratchPool((opened, scratch) => {
  pool = opened;
  database = scratch;
});

async function count(sql: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(`select count(*)::text as n from ${sql}`);
  return Number(rows[0]?.n);
}

test('each command has one reply after its batch was handed over again, and after a resend', async () => {
  const events = [command('/ping', 'a'), command('/help', 'b'), command('/ping', 'a'), command('hello', 'c')];
  const log = new ListLog();
  const first = await handle(pool, events);
  await relayOnce(pool, log);
  const replay = await handle(pool, events);
  const resend = await handle(pool, [command('/ping', 'a', { ingestSeq: 99, connection: 'another' })]);
  await relayOnce(pool, log);
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['a', 'b']);
  expect(first.metrics.totals).toMatchObject({ commandsHandled: 2, effectsSuppressed: 1, recordsConsumed: 4 });
  expect(replay.metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 3 });
  expect(resend.metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 1 });
});

test('two other commands under one id are two commands', async () => {
  const log = new ListLog();
  await handle(pool, [command('/ping', 'a'), command('/help', 'a')]);
  await relayOnce(pool, log);
  expect(new Set(log.replies.map(({ replyId }) => replyId)).size).toBe(2);
});

test('a command that is too old when first seen gets no reply, then or later', async () => {
  const old = command('/ping', 'old', { receivedAt: NOW_MS - 600_000 });
  const { metrics } = await handle(pool, [old]);
  await handle(pool, [old], { maxAgeMs: 1e12 });
  expect(metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 1 });
  expect(await count(`effects where status = 'skipped' and detail = 'stale'`)).toBe(1);
  expect(await count('outbox')).toBe(0);
});

test('a chat, an id and a source with U+0000 are answered like any other', async () => {
  const log = new ListLog();
  await handle(pool, [command('/pi\u0000ng', 'x\u0000y', { chat: 'a\u0000b', source: 's\u0000' })]);
  await relayOnce(pool, log);
  expect(log.replies).toMatchObject([{ chat: 'a\u0000b', inReplyTo: 'x\u0000y', source: 's\u0000' }]);
});

test('a user of the gateway has one limit, however many senders and chats it types; a source that speaks for many one for each', async () => {
  const asked = (source: string) =>
    Array.from({ length: 25 }, (_, n) => command('/ping', `${source}-${n}`, { source, chat: `c${n}`, actor: `a${n}` }));
  const log = new ListLog();
  await handle(pool, [...asked('user:eva'), ...asked('source:bridge')]);
  await relayOnce(pool, log);
  const told = log.replies.filter(({ content }) => content.startsWith('Too many'));
  expect([log.replies.length, told.length]).toEqual([50, 5]);
  expect(told.every(({ inReplyTo }) => inReplyTo.startsWith('user:eva'))).toBe(true);
});

test('the limit of /api is that of all external services together, and outlasts a restart', async () => {
  const declarations = declaredWithRuleOfApi('{ per_minute: 2 }');
  const log = new ListLog();
  const asked = ['/api order', '/api stock', '/api', '/api stock', '/api order'];
  for (const [index, content] of asked.entries()) await handle(pool, [command(content, `${index}`)], { declarations });
  await relayOnce(pool, log);
  expect(await count('calls')).toBe(2);
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['2', '3']);
  expect(log.replies.every(({ content }) => content.startsWith('Too many'))).toBe(true);
});

test('a lost assignment posts nothing', async () => {
  const events = [command('/status', 'a')];
  const lost = new AbortController();
  const board = { read: () => Promise.resolve({}).finally(() => lost.abort()) };
  const deps = handlerDeps(pool, events, { board });
  await handleBatch(batchOf(events, lost.signal), deps);
  expect(await count('effects')).toBe(0);
  expect(deps.metrics.totals.recordsConsumed).toBe(0);
});

test('a reply whose append has an unknown outcome is appended again under the same reply id', async () => {
  const log = new ListLog();
  const settled = Promise.withResolvers<void>();
  log.answer = () => {
    log.answer = () => log.acked();
    return { outcome: 'unknown', error: new PmcError('PMC_APPEND_UNKNOWN', 'no answer') };
  };
  const problems: (string | undefined)[] = [];
  const relay = relayTo(pool, log, (problem) => {
    problems.push(problem);
    if (problem === undefined) settled.resolve();
  });
  await handle(pool, [command('/ping', 'a')]);
  relay.start();
  await settled.promise;
  await relay.stop();
  expect([...new Set(problems)]).toEqual(['no answer', undefined]);
  expect(log.replies).toHaveLength(2);
  expect(new Set(log.replies.map(({ replyId }) => replyId)).size).toBe(1);
  expect(await count('outbox where sent_at is not null')).toBe(1);
});

test('a database lost between the append and the mark repeats the append under the same reply id', async () => {
  const log = new ListLog();
  const settled = Promise.withResolvers<void>();
  log.answer = async () => {
    log.answer = () => log.acked();
    await asAdmin(inject('databaseUrl'), (client) =>
      client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database.name]),
    );
    return log.acked();
  };
  const relay = relayTo(pool, log, (problem) => {
    if (problem === undefined && log.replies.length === 2) settled.resolve();
  });
  await handle(pool, [command('/ping', 'a')]);
  relay.start();
  await settled.promise;
  await relay.stop();
  expect(new Set(log.replies.map(({ replyId }) => replyId)).size).toBe(1);
  expect(await count('outbox where sent_offset is not null')).toBe(1);
});

test('a reply that the broker refuses stays in the outbox and does not hold up the others', async () => {
  const log = new ListLog();
  log.answer = (records) =>
    records.some(({ value }) => value.includes('"inReplyTo":"bad"'))
      ? { outcome: 'rejected', error: new PmcError('PMC_APPEND_REJECTED', 'too large') }
      : log.acked();
  await handle(pool, [command('/ping', 'a'), command('/ping', 'bad'), command('/ping', 'b')]);
  await relayOnce(pool, log);
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['a', 'b']);
  expect(await count('outbox where sent_at is null')).toBe(1);
});

test('two relays share the outbox and send each reply once', async () => {
  const events = Array.from({ length: 250 }, (_, index) => command('/ping', `c-${index}`, { chat: `chat-${index}` }));
  await handle(pool, events);
  const logs = [new ListLog(), new ListLog()] as const;
  const bothHold = Promise.withResolvers<void>();
  let holding = 0;
  for (const log of logs) {
    log.answer = async () => {
      log.answer = () => log.acked();
      holding += 1;
      if (holding === logs.length) bothHold.resolve();
      await bothHold.promise;
      return log.acked();
    };
  }
  await Promise.all(logs.map((log) => relayOnce(pool, log)));
  const ids = logs.flatMap((log) => log.replies.map(({ inReplyTo }) => inReplyTo));
  expect(logs.every((log) => log.replies.length > 0)).toBe(true);
  expect(ids).toHaveLength(250);
  expect(new Set(ids).size).toBe(250);
});

test("what was posted under a lease is its poster's until the lease ends, and then anybody's", async () => {
  const log = new ListLog();
  await handle(pool, [command('/ping', 'a')], { takesReply: () => true });
  await relayOnce(pool, log);
  expect(log.replies).toEqual([]);
  await pool.query(`update outbox set leased_until = clock_timestamp() - interval '1 second'`);
  await relayOnce(pool, log);
  expect(log.replies).toMatchObject([{ inReplyTo: 'a' }]);
});

test('replies go out from memory, in order within a chat, and are marked; what is refused is left to the relay', async () => {
  const log = new ListLog();
  log.answer = (records) =>
    records.some(({ value }) => value.includes('"inReplyTo":"bad'))
      ? { outcome: 'rejected', error: new PmcError('PMC_APPEND_REJECTED', 'too large') }
      : log.acked();
  const givenBack = Promise.withResolvers<void>();
  const metrics = commandsMetrics(new Registry());
  const lanes = new ReplyLanes({ pool, appender: log, logger: SILENT, metrics, onGivenBack: givenBack.resolve });
  const onReplies = (replies: Parameters<ReplyLanes['send']>[0]): void => lanes.send(replies);
  const leased = { takesReply: () => true, onReplies };
  await handle(
    pool,
    [command('/ping', 'a'), command('/help', 'b'), command('/ping', 'bad', { chat: 'other' })],
    leased,
  );
  await handle(pool, [command('/ping', 'c')], leased);
  await lanes.drain();
  await givenBack.promise;
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['a', 'b', 'c']);
  expect(await count('outbox where sent_at is not null')).toBe(3);
  log.answer = () => log.acked();
  await relayOnce(pool, log);
  expect(log.replies.at(-1)?.inReplyTo).toBe('bad');
});

test('a command waits while the registry gives the schema id to another schema: it is not passed over', async () => {
  const error = new PmcError('PMC_SCHEMA_ID_REUSED', 'schema id 1 had another schema before', { id: 1 });
  const events = [command('/ping', 'a')];
  const deps = handlerDeps(pool, events);
  let isDisputed = true;
  const decode = ((topic: never, bytes: never) =>
    isDisputed ? Promise.resolve({ ok: false, error }) : deps.codec.decode(topic, bytes)) as never;
  const disputed = { ...deps, codec: { ...deps.codec, decode } };
  await expect(handleBatch(batchOf(events), disputed)).rejects.toBe(error);
  expect([await count('effects'), deps.metrics.totals.undecodable, deps.metrics.totals.recordsConsumed]).toEqual([
    0, 0, 0,
  ]);
  isDisputed = false;
  await handleBatch(batchOf(events), disputed);
  expect(await count('outbox')).toBe(1);
});
