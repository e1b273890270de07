// Replays, resends, crashes at each step and several relays: what reaches the log is every reply, and never two of them
// under different reply ids. The database is real; the log is a list, so that each append can be made to fail.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type HandlerDeps, handleBatch } from '../../consumers/commands/handle-batch.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import { Relay } from '../../consumers/commands/relay.ts';
import type { Appender, AppendOutcome, AppendRecord, Batch } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { asAdmin, type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

const SILENT = pino({ level: 'silent' });
const NOW_MS = Date.parse('2026-11-22T20:45:50Z');
const INCARNATION = randomUUID();

let database: ScratchDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  pool = createPool(database.url, SILENT);
});

afterEach(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

function command(content: string, id: string, overrides: Partial<IncomingEvent> = {}): IncomingEvent {
  const frame = { event: 'message', id, chat: 'chat', message_type: 'text', content };
  return incomingEvent(frame, { id, chat: 'chat', type: 'text', receivedAt: NOW_MS, ...overrides });
}

function batchOf(events: readonly IncomingEvent[], signal = new AbortController().signal): Batch {
  const at = { topic: 'pmc.messages.incoming', partition: 0 };
  const records = events.map((_, index) => {
    return { ...at, offset: BigInt(index), timestampMs: 0, key: null, value: Buffer.from([index]), headers: {} };
  });
  return { ...at, incarnation: INCARNATION, generation: 1, records, highWatermark: BigInt(events.length), signal };
}

/** Handles the events as one batch; the value of a record is its index. */
async function handle(events: readonly IncomingEvent[], overrides: Partial<HandlerDeps> = {}): Promise<HandlerDeps> {
  const deps: HandlerDeps = {
    codec: {
      decode: ((_topic: string, bytes: Buffer) => Promise.resolve({ ok: true, value: events[bytes[0] ?? 0] })) as never,
      encode: (_topic, value) => Buffer.from(JSON.stringify(value)),
    },
    pool,
    board: { read: () => Promise.resolve({}) },
    about: { version: '0', startedAtMs: NOW_MS },
    clock: { nowMs: () => NOW_MS + 5 },
    logger: SILENT,
    metrics: commandsMetrics(new Registry()),
    maxAgeMs: 600_000,
    outgoingPartitions: 6,
    onPosted: () => undefined,
    onDependency: () => undefined,
    ...overrides,
  };
  await handleBatch(batchOf(events), deps);
  return deps;
}

type Answer = (records: readonly AppendRecord[]) => Promise<AppendOutcome> | AppendOutcome;

/** A log in memory; `answer` decides what each append's caller hears, the records are written unless it is a refusal. */
class ListLog implements Pick<Appender, 'append'> {
  readonly replies: { readonly replyId: string; readonly inReplyTo: string; readonly content: string }[] = [];
  answer: Answer = () => this.acked();

  acked(): AppendOutcome {
    return { outcome: 'acked', baseOffset: BigInt(this.replies.length) };
  }

  async append(_to: unknown, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    const outcome = await this.answer(records);
    if (outcome.outcome !== 'rejected') this.replies.push(...records.map(({ value }) => JSON.parse(value.toString())));
    return outcome;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function relayTo(
  appender: Pick<Appender, 'append'>,
  onRound: (problem: string | undefined) => void = () => undefined,
): Relay {
  return new Relay({ pool, appender, logger: SILENT, metrics: commandsMetrics(new Registry()), onRound });
}

/** A relay's whole life: sends what is there and stops. */
async function relayOnce(appender: Pick<Appender, 'append'>): Promise<void> {
  const relay = relayTo(appender);
  relay.start();
  await relay.stop();
}

async function count(sql: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(`select count(*)::text as n from ${sql}`);
  return Number(rows[0]?.n);
}

test('each command has one reply after its batch was handed over again, and after a resend', async () => {
  const events = [command('/ping', 'a'), command('/help', 'b'), command('/ping', 'a'), command('hello', 'c')];
  const log = new ListLog();
  const first = await handle(events);
  await relayOnce(log);
  const replay = await handle(events);
  const resend = await handle([command('/ping', 'a', { ingestSeq: 99, connection: 'another' })]);
  await relayOnce(log);
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['a', 'b']);
  expect(first.metrics.totals).toMatchObject({ commandsHandled: 2, effectsSuppressed: 1, recordsConsumed: 4 });
  expect(replay.metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 3 });
  expect(resend.metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 1 });
});

test('two other commands under one id are two commands', async () => {
  const log = new ListLog();
  await handle([command('/ping', 'a'), command('/help', 'a')]);
  await relayOnce(log);
  expect(new Set(log.replies.map(({ replyId }) => replyId)).size).toBe(2);
});

test('a command that is too old when first seen gets no reply, then or later', async () => {
  const old = command('/ping', 'old', { receivedAt: NOW_MS - 600_000 });
  const { metrics } = await handle([old]);
  await handle([old], { maxAgeMs: 1e12 });
  expect(metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 1 });
  expect(await count(`effects where status = 'skipped' and detail = 'stale'`)).toBe(1);
  expect(await count('outbox')).toBe(0);
});

test('a chat, an id and a source with U+0000 are answered like any other', async () => {
  const log = new ListLog();
  await handle([command('/pi\u0000ng', 'x\u0000y', { chat: 'a\u0000b', source: 's\u0000' })]);
  await relayOnce(log);
  expect(log.replies).toMatchObject([{ chat: 'a\u0000b', inReplyTo: 'x\u0000y', source: 's\u0000' }]);
});

test('a lost assignment posts nothing', async () => {
  const events = [command('/status', 'a')];
  const lost = new AbortController();
  const deps = await handle([]);
  const board = { read: () => Promise.resolve({}).finally(() => lost.abort()) };
  const codec = { ...deps.codec, decode: (() => Promise.resolve({ ok: true, value: events[0] })) as never };
  await handleBatch(batchOf(events, lost.signal), { ...deps, codec, board });
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
  const relay = relayTo(log, (problem) => {
    problems.push(problem);
    if (problems.length === 2) settled.resolve();
  });
  await handle([command('/ping', 'a')]);
  relay.start();
  await settled.promise;
  await relay.stop();
  expect(problems.slice(0, 2)).toEqual(['no answer', undefined]);
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
  const relay = relayTo(log, (problem) => {
    if (problem === undefined && log.replies.length === 2) settled.resolve();
  });
  await handle([command('/ping', 'a')]);
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
  await handle([command('/ping', 'a'), command('/ping', 'bad'), command('/ping', 'b')]);
  await relayOnce(log);
  expect(log.replies.map(({ inReplyTo }) => inReplyTo)).toEqual(['a', 'b']);
  expect(await count('outbox where sent_at is null')).toBe(1);
});

test('two relays share the outbox and send each reply once', async () => {
  const events = Array.from({ length: 250 }, (_, index) => command('/ping', `c-${index}`));
  await handle(events);
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
  await Promise.all(logs.map((log) => relayOnce(log)));
  const ids = logs.flatMap((log) => log.replies.map(({ inReplyTo }) => inReplyTo));
  expect(logs.every((log) => log.replies.length > 0)).toBe(true);
  expect(ids).toHaveLength(250);
  expect(new Set(ids).size).toBe(250);
});
