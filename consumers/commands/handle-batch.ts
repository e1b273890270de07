// One batch of records: find the commands, ask the ledger which are new, collect the facts that those need, decide, and make
// effects durable together with what they owe. Returning means that every command of the batch has its effect, which of one that the
// database refuses says that it was skipped; throwing means that all of it is handed over again.
//
//   ledger → decide → COMMIT {effect, reply in the outbox or call that waits} → return → offset commit
// A crash before COMMIT: the records are read again and answered then. A crash after it: they are read again and the effect,
// keyed by the event, keeps a second reply from being posted; the first is still in the outbox.
import type { Codec } from '../../kafka/codec.ts';
import type { Batch } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import { failureOf, type Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import type { DatabaseCheck } from './database-check.ts';
import { decide, limitReply, neededFacts, searchedText, visibleTo } from './decide.ts';
import type { Language } from './definition.ts';
import { type OutboxReply, toDispatch, toOutboxReply } from './dispatch.ts';
import { type Effect, type Owed, postOrRefuse } from './effects.ts';
import type { Declarations } from './external/declaration.ts';
import type { FactBoard } from './fact-board.ts';
import type { About, Facts, Hit } from './facts.ts';
import type { InHand } from './in-hand.ts';
import { type Ledger, LIMITED, readLedger } from './ledger.ts';
import type { CommandOutcome, CommandsMetrics } from './metrics.ts';
import { persevere } from './persevere.ts';
import { type Received, receive, repeated } from './receive.ts';
import { LEASE_MS } from './reply-lanes.ts';
import { type Answered, RecentAnswers } from './rules.ts';
import { isSearchable, type SearchIn } from './search.ts';

export interface HandlerDeps {
  readonly codec: Pick<Codec, 'decode' | 'encode'>;
  readonly pool: Pool;
  /** Of all batches of this process. */
  readonly inHand: InHand;
  readonly board: Pick<FactBoard, 'read'>;
  /** Undefined where it cannot be found out in time. */
  readonly search: (what: SearchIn) => Promise<readonly Hit[] | undefined>;
  readonly about: About;
  readonly declarations: Declarations;
  readonly language: Language;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommandsMetrics;
  readonly maxAgeMs: number;
  readonly outgoingPartitions: number;
  /** Whether that one, once it is posted, can be appended from memory; else it is left to the relay. */
  readonly takesReply: (reply: OutboxReply) => boolean;
  /** These were posted. `isLeased`: they are the receiver's to append. */
  readonly onReplies: (replies: readonly OutboxReply[], isLeased: boolean) => void;
  /** A call was posted for that endpoint. */
  readonly onCall: (target: string) => void;
  readonly databaseCheck: Pick<DatabaseCheck, 'failed' | 'succeeded' | 'abandoned'>;
  /** The registry did not answer (a reason) or did (undefined). */
  readonly onDependency: (name: 'registry', problem: string | undefined) => void;
}

/** A command with its decision. */
interface Decided {
  readonly received: Received;
  readonly effect: Effect;
  readonly outcome: CommandOutcome;
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

async function answer(batch: Batch, received: readonly Received[], deps: HandlerDeps): Promise<void> {
  const { inHand } = deps;
  const { judged, given, waiting } = await withDatabase(batch, deps, 'ledger', () =>
    inHand.inTurn(() => judgeAll(received, deps)),
  );
  try {
    // What needs no question is not held up by what does.
    for (const some of [judged.filter((one) => !needsQuestions(one)), judged.filter(needsQuestions)]) {
      if (some.length > 0) await post(batch, await decideAll(some, waiting, deps), deps);
    }
  } finally {
    inHand.remove(given);
  }
}

interface Judged {
  readonly one: Received;
  readonly judgement: Judgement;
}

interface JudgedBatch {
  /** The new ones, in the order of their records. */
  readonly judged: readonly Judged[];
  /** What they spend of their limits; it is in hand. */
  readonly given: readonly Answered[];
  /** Calls by target that have not ended. */
  readonly waiting: Map<string, number>;
}

async function judgeAll(received: readonly Received[], deps: HandlerDeps): Promise<JudgedBatch> {
  const { clock, inHand, maxAgeMs, metrics, pool } = deps;
  const nowMs = clock.nowMs();
  const isOld = ({ event }: Received): boolean => nowMs - event.receivedAt > maxAgeMs;
  // What is too old is not counted, and a replay is of old ones: nothing need be known of their limits.
  const young = received.filter((one) => !isOld(one));
  const times = young.length === 0 ? [nowMs] : young.map(({ event }) => event.receivedAt);
  const ledger = await readLedger(pool, {
    eventKeys: received.map(({ eventKey }) => eventKey),
    limitKeys: [...new Set(young.flatMap(({ limits }) => limits.flatMap(({ keys }) => keys)))],
    earliestMs: Math.min(...times),
    latestMs: Math.max(...times),
    targets: [...new Set(received.flatMap(({ request: { api } }) => (api === undefined ? [] : [api.target])))],
  });
  // The same records in hand once more, as after a rebalance, are not counted against themselves.
  const own = new Set(received.map(({ eventKey }) => eventKey));
  const answers = new RecentAnswers([...ledger.answered, ...inHand.answers.filter((one) => !own.has(one.eventKey))]);
  const judged: Judged[] = [];
  for (const one of received) {
    if (ledger.known.has(one.eventKey)) repeated(one.request, metrics);
    else judged.push({ one, judgement: isOld(one) ? 'stale' : judge(one, ledger, answers) });
  }
  inHand.add(answers.given);
  return { judged, given: answers.given, waiting: new Map(ledger.waiting) };
}

type Judgement = 'admitted' | 'limited' | 'silenced' | 'stale';

function judge({ event, eventKey, limitKey, limits }: Received, ledger: Ledger, answers: RecentAnswers): Judgement {
  // Whether it was answered is forgotten: then it counts as answered.
  if (event.receivedAt < ledger.remembersFromMs) return 'stale';
  const admission = answers.admit({ eventKey, limitKey, receivedAtMs: event.receivedAt }, limits);
  return admission === 'told' ? 'limited' : admission;
}

function needsQuestions({ one: { request } }: Judged): boolean {
  return neededFacts(request).length > 0 || searchedText(request) !== undefined;
}

async function decideAll(
  judged: readonly Judged[],
  waiting: Map<string, number>,
  deps: HandlerDeps,
): Promise<readonly Decided[]> {
  const admitted = judged.filter(({ judgement }) => judgement === 'admitted').map(({ one }) => one);
  const facts = await deps.board.read([...new Set(admitted.flatMap(({ request }) => neededFacts(request)))]);
  const hits = await search(admitted, deps);
  return judged.map(({ one, judgement }) =>
    judgement === 'admitted' ? reply(one, facts, hits.get(one.eventKey), waiting, deps) : refuse(one, judgement, deps),
  );
}

/** The searches of a batch share one time-out, so that they cannot hold up a partition one after the other. */
async function search(
  admitted: readonly Received[],
  deps: HandlerDeps,
): Promise<ReadonlyMap<string, readonly Hit[] | undefined>> {
  const searches = admitted.flatMap(({ event: { source, chat }, eventKey, request }) => {
    const text = searchedText(request);
    return text === undefined || chat === null || !isSearchable(chat)
      ? []
      : [{ eventKey, what: { source, chat, text } }];
  });
  return new Map(
    await Promise.all(searches.map(async ({ eventKey, what }) => [eventKey, await deps.search(what)] as const)),
  );
}

function reply(
  one: Received,
  facts: Facts,
  hits: readonly Hit[] | undefined,
  waiting: Map<string, number>,
  deps: HandlerDeps,
): Decided {
  const { event, eventKey, request } = one;
  const { source, chat, actor, receivedAt } = event;
  const nowMs = deps.clock.nowMs();
  const { about, language, declarations } = deps;
  const asked = { source, chat, actor, receivedAtMs: receivedAt, nowMs, facts, hits, about, language };
  const decision = decide(request, { ...asked, ...visibleTo(event, declarations) });
  if (typeof decision === 'string') return decided(one, 'replied', request.label, replyOwed(one, decision, deps));
  const { api, values } = decision;
  const before = waiting.get(api.target) ?? 0;
  if (before >= api.waitingMax) {
    const text = `${api.name}: not done, ${before} calls are waiting already. Try again later.`;
    return decided(one, 'replied', 'busy', replyOwed(one, text, deps));
  }
  waiting.set(api.target, before + 1);
  const given = { ...values, source, chat, sender: actor, command_id: eventKey };
  const { createdAt: _, content: __, ...whom } = toDispatch(event, eventKey, request.command, '', nowMs);
  const owed = { kind: 'call', target: api.target, given: JSON.stringify(given), asked: JSON.stringify(whom) } as const;
  return decided(one, 'called', api.target, owed);
}

function refuse(one: Received, judgement: Exclude<Judgement, 'admitted'>, deps: HandlerDeps): Decided {
  switch (judgement) {
    case 'limited':
      return decided(one, 'limited', LIMITED, replyOwed(one, limitReply(one.request), deps));
    case 'silenced':
    case 'stale':
      return decided(one, judgement, judgement, { kind: 'nothing' });
  }
}

function decided(received: Received, outcome: CommandOutcome, detail: string, owed: Owed): Decided {
  const { event, eventKey, offset, limitKey } = received;
  const about = { eventKey, source: event.source, recordOffset: offset, receivedAtMs: event.receivedAt, detail };
  return { received, outcome, effect: { ...about, limitKey: owed.kind === 'nothing' ? undefined : limitKey, owed } };
}

function replyOwed({ event, eventKey, request }: Received, content: string, deps: HandlerDeps): Owed {
  const dispatch = toDispatch(event, eventKey, request.command, content, deps.clock.nowMs());
  const value = deps.codec.encode(TOPIC.outgoing, dispatch);
  return { kind: 'reply', reply: toOutboxReply(dispatch, TOPIC.outgoing, deps.outgoingPartitions, value) };
}

async function post(batch: Batch, all: readonly Decided[], deps: HandlerDeps): Promise<void> {
  const { clock, metrics, onCall, onReplies, pool, takesReply } = deps;
  const repliesOf = (some: readonly Decided[]): readonly OutboxReply[] =>
    some.flatMap(({ effect: { owed } }) => (owed.kind === 'reply' ? [owed.reply] : []));
  const leased = new Set(repliesOf(all).filter(takesReply));
  killPoint('commands.batch.decided');
  const effects = all.map(({ effect }) => effect);
  const { fresh, refused } = await withDatabase(batch, deps, 'post', () =>
    postOrRefuse(pool, batch, effects, (one) => (leased.has(one) ? LEASE_MS : 0)),
  );
  killPoint('commands.batch.posted');
  const isNew = ({ received }: Decided): boolean => fresh.has(received.eventKey);
  const byLease = Map.groupBy(repliesOf(all.filter(isNew)), (one) => leased.has(one));
  for (const [isLeased, replies] of byLease) onReplies(replies, isLeased);
  for (const one of all) {
    const { received, effect, outcome } = one;
    if (refused.has(effect.eventKey)) refusedByDatabase(batch, one, refused.get(effect.eventKey), deps);
    else if (!isNew(one)) repeated(received.request, metrics);
    else {
      metrics.handled(received.request.label, outcome);
      if (effect.owed.kind === 'nothing') metrics.suppressed('reply');
      else if (effect.owed.kind === 'call') onCall(effect.owed.target);
      else metrics.answered(clock.nowMs() - received.event.receivedAt);
    }
  }
}

/** It is of this one record, which will not change: the others go on. */
function refusedByDatabase(
  { partition }: Batch,
  { received: { eventKey, offset, request } }: Decided,
  error: unknown,
  { logger, metrics }: HandlerDeps,
): void {
  const record = { partition, offset: String(offset), eventKey };
  logger.error({ ...record, error: describeError(error) }, 'commands.effect.refused');
  metrics.handled(request.label, 'refused');
}

/** Repeats a statement while the database is away, for as long as the batch is ours. */
async function withDatabase<T>(batch: Batch, deps: HandlerDeps, step: string, work: () => Promise<T>): Promise<T> {
  const { databaseCheck, logger, metrics } = deps;
  const thisOne = {};
  try {
    const result = await persevere(work, {
      step,
      signal: batch.signal,
      logger,
      isPassing: (error) => failureOf(error) === 'infrastructure',
      onRetry: () => {
        metrics.retried();
        databaseCheck.failed(thisOne, 'PostgreSQL does not take the effects of commands');
      },
    });
    databaseCheck.succeeded(thisOne);
    return result;
  } catch (error) {
    databaseCheck.abandoned(thisOne);
    throw error;
  }
}
