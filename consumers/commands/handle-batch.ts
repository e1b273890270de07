// One batch of records: decode, find the commands, collect the facts they need, decide, and make effects and replies
// durable together. Returning means that every command of the batch has its effect; throwing means that all of it is
// handed over again. The relay sends what was posted.
//
//   decide → COMMIT {effect, reply in the outbox} → return → offset commit → relay
// A crash before COMMIT: the records are read again and answered then. A crash after it: they are read again and the effect,
// keyed by the event, keeps a second reply from being posted; the first is still in the outbox.
import type { Codec } from '../../kafka/codec.ts';
import type { Batch, LogRecord, Offset } from '../../kafka/log.ts';
import { eventKey } from '../../schemas/event-key.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import { failureOf, type Pool } from '../../service/database.ts';
import { isRetriable } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { type Command, parseEvent } from './command.ts';
import { decide, labelOf, neededFacts } from './decide.ts';
import { toDispatch, toOutboxReply } from './dispatch.ts';
import type { FactBoard } from './fact-board.ts';
import type { About, Facts } from './facts.ts';
import type { CommandsMetrics } from './metrics.ts';
import { type Effect, postEffects } from './outbox.ts';
import { persevere } from './persevere.ts';

export interface HandlerDeps {
  readonly codec: Pick<Codec, 'decode' | 'encode'>;
  readonly pool: Pool;
  readonly board: Pick<FactBoard, 'read'>;
  readonly about: About;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  readonly maxAgeMs: number;
  readonly outgoingPartitions: number;
  /** Something was posted: the relay need not wait for its next look. */
  readonly onPosted: () => void;
  /** The database or the registry did not answer (a reason) or did (undefined). */
  readonly onDependency: (name: 'database' | 'registry', problem: string | undefined) => void;
}

interface Received {
  readonly event: IncomingEvent;
  readonly eventKey: string;
  readonly command: Command;
  readonly offset: Offset;
}

export async function handleBatch(batch: Batch, deps: HandlerDeps): Promise<void> {
  try {
    const received = await receive(batch, deps);
    if (received.length > 0) await answer(batch, received, deps);
    deps.metrics.consumed(batch.topic, batch.records.length);
  } catch (error) {
    // The assignment is lost: another member is given the same records, nothing of this batch is committed.
    if (!batch.signal.aborted) throw error;
  }
}

/** The commands of a batch, each event once. */
async function receive(batch: Batch, deps: HandlerDeps): Promise<readonly Received[]> {
  const commands = new Map<string, Received>();
  for (const record of batch.records) {
    const event = await decode(record, batch.signal, deps);
    const parsed = event === undefined ? undefined : parseEvent(event);
    if (event === undefined || parsed === undefined || parsed.kind === 'not-a-command') continue;
    if (parsed.kind === 'own-reply') {
      deps.metrics.handled('unknown', 'own');
      continue;
    }
    const { command } = parsed;
    const key = eventKey(event, event.payload, parsed.timestamp);
    if (commands.has(key)) repeated(command, deps);
    else commands.set(key, { event, eventKey: key, command, offset: record.offset });
  }
  return [...commands.values()];
}

async function decode(record: LogRecord, signal: AbortSignal, deps: HandlerDeps): Promise<IncomingEvent | undefined> {
  const { codec, logger, metrics, onDependency } = deps;
  const decoded = await persevere(() => codec.decode(TOPIC.incoming, record.value), {
    step: 'decode',
    signal,
    logger,
    isPassing: isRetriable,
    onRetry: () => {
      metrics.retried();
      onDependency('registry', 'the schema registry does not answer');
    },
  });
  onDependency('registry', undefined);
  if (decoded.ok) return decoded.value;
  // Of the registry, not of the record: it can be put right, and the command waits until it is.
  if (decoded.error.code === 'PMC_SCHEMA_ID_REUSED') throw decoded.error;
  // Not lost: the same record is in persistence's hands, which quarantines it.
  logger.debug(
    { partition: record.partition, offset: String(record.offset), code: decoded.error.code },
    'commands.record.undecodable',
  );
  metrics.handled('unknown', 'undecodable');
  return undefined;
}

async function answer(batch: Batch, received: readonly Received[], deps: HandlerDeps): Promise<void> {
  const { clock, logger, metrics, pool } = deps;
  const isFresh = ({ event }: Received): boolean => clock.nowMs() - event.receivedAt <= deps.maxAgeMs;
  const fresh = new Set(received.filter(isFresh));
  const facts = await deps.board.read([...new Set([...fresh].flatMap(({ command }) => neededFacts(command)))]);
  const effects = received.map((one) => toEffect(one, fresh.has(one), facts, deps));
  const posted = await persevere(() => postEffects(pool, batch, effects), {
    step: 'post',
    signal: batch.signal,
    logger,
    isPassing: (error) => failureOf(error) === 'infrastructure',
    onRetry: () => {
      metrics.retried();
      deps.onDependency('database', 'PostgreSQL does not take the effects of commands');
    },
  });
  deps.onDependency('database', undefined);
  if (posted.size > 0) deps.onPosted();
  for (const one of received) {
    if (!posted.has(one.eventKey)) repeated(one.command, deps);
    else if (fresh.has(one)) {
      metrics.handled(labelOf(one.command), 'replied');
      metrics.answered(clock.nowMs() - one.event.receivedAt);
    } else {
      metrics.handled(labelOf(one.command), 'stale');
      metrics.suppressed('reply');
    }
  }
}

function toEffect(
  { event, eventKey: key, command, offset }: Received,
  isFresh: boolean,
  facts: Facts,
  deps: HandlerDeps,
): Effect {
  const about = { eventKey: key, target: event.source, recordOffset: offset };
  if (!isFresh) return { ...about, detail: 'stale', reply: null };
  const nowMs = deps.clock.nowMs();
  const content = decide({ command, receivedAtMs: event.receivedAt, nowMs, facts, about: deps.about });
  const dispatch = toDispatch(event, key, command, content, nowMs);
  const value = deps.codec.encode(TOPIC.outgoing, dispatch);
  return {
    ...about,
    detail: labelOf(command),
    reply: toOutboxReply(dispatch, TOPIC.outgoing, deps.outgoingPartitions, value),
  };
}

/** The same event again: a resend, or a replay. It has its effect already. */
function repeated(command: Command, { metrics }: HandlerDeps): void {
  metrics.handled(labelOf(command), 'repeated');
  metrics.suppressed('reply');
}
