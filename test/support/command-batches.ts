// Batches of commands for the handler of the commands service, and a log in a list for what it replies. The database is real.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DatabaseCheck } from '../../consumers/commands/database-check.ts';
import { NO_DECLARATIONS } from '../../consumers/commands/external/declaration.ts';
import { type HandlerDeps, handleBatch } from '../../consumers/commands/handle-batch.ts';
import { InHand } from '../../consumers/commands/in-hand.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import { Relay } from '../../consumers/commands/relay.ts';
import type { Appender, AppendOutcome, AppendRecord, Batch } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { systemClock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { incomingEvent } from './incoming-events.ts';

export const SILENT = pino({ level: 'silent' });
export const NOW_MS = Date.parse('2026-11-22T20:45:50Z');
const INCARNATION = randomUUID();

export function command(content: string, id: string, overrides: Partial<IncomingEvent> = {}): IncomingEvent {
  const chat = overrides.chat === undefined ? 'chat' : overrides.chat;
  const frame = { event: 'message', id, chat, message_type: 'text', content };
  return incomingEvent(frame, { id, chat, type: 'text', receivedAt: NOW_MS, ...overrides });
}

export function batchOf(events: readonly IncomingEvent[], signal = new AbortController().signal): Batch {
  const at = { topic: 'pmc.messages.incoming', partition: 0 };
  const records = events.map((_, index) => {
    const value = Buffer.alloc(4);
    value.writeInt32BE(index);
    return { ...at, offset: BigInt(index), timestampMs: 0, key: null, value, headers: {} };
  });
  return { ...at, incarnation: INCARNATION, generation: 1, records, highWatermark: BigInt(events.length), signal };
}

/** What the handler is given; the value of a record is the index of its event. Replies are left to a relay. */
export function handlerDeps(
  pool: Pool,
  events: readonly IncomingEvent[],
  overrides: Partial<HandlerDeps> = {},
): HandlerDeps {
  return {
    codec: {
      decode: ((_topic: string, bytes: Buffer) =>
        Promise.resolve({ ok: true, value: events[bytes.readInt32BE(0)] })) as never,
      encode: (_topic, value) => Buffer.from(JSON.stringify(value)),
    },
    pool,
    inHand: new InHand(),
    board: { read: () => Promise.resolve({}) },
    search: () => Promise.resolve(undefined),
    about: { version: '0', startedAtMs: NOW_MS },
    declarations: NO_DECLARATIONS,
    language: 'en',
    clock: { nowMs: () => NOW_MS + 5 },
    logger: SILENT,
    metrics: commandsMetrics(new Registry()),
    maxAgeMs: 600_000,
    outgoingPartitions: 6,
    takesReply: () => false,
    onReplies: () => undefined,
    onCall: () => undefined,
    databaseCheck: new DatabaseCheck(() => undefined),
    onDependency: () => undefined,
    ...overrides,
  };
}

/** Handles the events as one batch. */
export async function handle(
  pool: Pool,
  events: readonly IncomingEvent[],
  overrides: Partial<HandlerDeps> = {},
): Promise<HandlerDeps> {
  const deps = handlerDeps(pool, events, overrides);
  await handleBatch(batchOf(events), deps);
  return deps;
}

type Answer = (records: readonly AppendRecord[]) => Promise<AppendOutcome> | AppendOutcome;

/** A log in memory; `answer` decides what each append's caller hears, the records are written unless it is a refusal. */
export class ListLog implements Pick<Appender, 'append'> {
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
}

export function relayTo(
  pool: Pool,
  appender: Pick<Appender, 'append'>,
  onRound: (problem: string | undefined) => void = () => undefined,
): Relay {
  const metrics = commandsMetrics(new Registry());
  return new Relay({ pool, appender, clock: systemClock, logger: SILENT, metrics, onRound });
}

/** A relay's whole life: sends what is there and stops. */
export async function relayOnce(pool: Pool, appender: Pick<Appender, 'append'>): Promise<void> {
  const relay = relayTo(pool, appender);
  relay.start();
  await relay.stop();
}
