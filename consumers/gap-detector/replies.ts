// The stages command → reply → delivered, from three ledgers: what commands did (effects), what is on the outgoing topic, and which
// reply ids a peer has acknowledged; and from the commands that did nothing (commands-without-effect.ts). A reply that is on the log again under the same id is a repeat that the peer tells by it;
// two ids for one command are two visible replies. Pure.
import type { JudgedCommands } from './commands-without-effect.ts';
import { judgedFromMs, type Rules, SOUND_RULES } from './rules.ts';
import { type Finding, type Stage, stageVerdict, type Verdict, worst } from './verdict.ts';

export interface EffectLine {
  readonly eventKey: string;
  /** The source that is replied to. */
  readonly source: string;
  readonly status: 'done' | 'failed' | 'skipped';
  readonly atMs: number;
}

export interface ReplyRecord {
  readonly replyId: string;
  readonly eventKey: string;
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
  readonly createdAtMs: number;
  /** The outbox has sent another reply under this id. */
  readonly isAltered: boolean;
}

export interface ReplyInput {
  readonly topic: string;
  readonly effects: readonly EffectLine[];
  /** There are others, of before the outgoing log begins. */
  readonly hasEarlierEffects: boolean;
  /** Stored commands that have no effect. */
  readonly commands: JudgedCommands;
  readonly replies: readonly ReplyRecord[];
  /** Reply ids that a peer has acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  /** The oldest reply that still waits in the outbox; those behind it are on their way. */
  readonly oldestUnsentMs: number;
  /** Replies of up to this time may have left the outgoing log, or be too many to remember; 0: none has. */
  readonly logBeginsMs: number;
  /** Acknowledgements of before this time may be purged; -Infinity: none is. */
  readonly acknowledgedFromMs: number;
  readonly nowMs: number;
  /** So long a reply may be on its way; and so far clocks may be apart. */
  readonly graceMs: number;
}

export interface ReplyStage {
  readonly stage: Stage;
  readonly verdict: Verdict | 'not-measurable';
  readonly detail: string;
  /** Replies to commands that had their effect at or after the one and before the other were looked for. */
  readonly since?: string;
  readonly until?: string;
}

export function judgeReplies(
  input: ReplyInput,
  rules: Rules = SOUND_RULES,
): {
  readonly stages: readonly ReplyStage[];
  readonly findings: readonly Finding[];
} {
  const answered = new Set(input.replies.map(({ eventKey }) => eventKey));
  // A reply on the log says that a command was handled, also where its effect is gone: the database may be an older one, put back.
  const passed = input.commands.findings.filter(({ eventKey = '' }) => !rules.isAnswered(eventKey, answered));
  const due = input.effects.filter((effect) => rules.isReplyDue(effect, input));
  const unanswered = due.filter(({ eventKey }) => !rules.isAnswered(eventKey, answered));
  const missing = unanswered.map((effect) => replyMissing(input.topic, effect));
  const wrong = [...repliesAltered(input), ...repliesTwice(input, rules), ...undelivered(input, rules)];
  const findings = [...passed, ...missing, ...wrong];
  const counts = { due: due.length, passed: passed.length, missing: missing.length };
  return { stages: [replyStage(input, findings, counts), deliveryStage(input, findings)], findings };
}

function replyMissing(topic: string, { eventKey, source, atMs }: EffectLine): Finding {
  const detail = 'the command has its effect, but its reply is not on the log';
  const about = { topic, source, eventKey, replyId: eventKey, receivedAt: atMs };
  return { kind: 'reply-missing', stage: 'command-to-reply', ...about, detail };
}

function repliesAltered({ topic, replies }: ReplyInput): readonly Finding[] {
  return replies
    .filter(({ isAltered }) => isAltered)
    .map(({ replyId, eventKey, source, partition, offset, createdAtMs }) => ({
      ...({ kind: 'altered', stage: 'command-to-reply', topic, partition, offset } as const),
      ...{ source, replyId, eventKey, receivedAt: createdAtMs },
      detail: 'the reply on the log is not the one that was sent',
    }));
}

const REPEATED = {
  'reply-doubled': 'the command has another reply too',
  duplicate: 'the same reply is on the log at an earlier offset too',
} as const;

function repliesTwice({ topic, replies }: ReplyInput, rules: Rules): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [eventKey, all] of Map.groupBy(replies, (one) => one.eventKey)) {
    const kind = rules.repeatedReply(new Set(all.map(({ replyId }) => replyId)).size);
    for (const [index, { replyId, partition, offset, source }] of all.entries()) {
      if (index === 0 || kind === undefined) continue;
      const about = { topic, partition, offset, source, eventKey, replyId: `${replyId}@${offset}` };
      findings.push({ kind, stage: 'command-to-reply', ...about, detail: REPEATED[kind] });
    }
  }
  return findings;
}

/**
 * Replies that a source has passed over: it has acknowledged one behind them. Those behind its last acknowledgement wait for it on the log,
 * or for the acknowledgement to be stored, which is in the same order.
 */
function undelivered(input: ReplyInput, rules: Rules): readonly Finding[] {
  const { acknowledgedFromMs, nowMs, graceMs } = input;
  const firsts = firstOfEach(input.replies);
  const passed = lastAcknowledged(firsts, input.acknowledged, rules);
  return firsts
    .filter((reply) => {
      const isAcknowledged = input.acknowledged.has(reply.replyId);
      const lastAcknowledged = passed.get(rules.replyLane(reply));
      return rules.isUndelivered(reply, { isAcknowledged, lastAcknowledged, acknowledgedFromMs, nowMs, graceMs });
    })
    .map(({ replyId, source, partition, offset, eventKey, createdAtMs }) => ({
      ...({ kind: 'reply-missing', stage: 'reply-to-delivered', topic: input.topic, partition, offset } as const),
      ...{ source, replyId, eventKey, receivedAt: createdAtMs },
      detail: 'the peer has acknowledged a later reply, but not this one',
    }));
}

/** Where a reply is on the log again is not where it was delivered. */
function firstOfEach(replies: readonly ReplyRecord[]): readonly ReplyRecord[] {
  const seen = new Set<string>();
  return replies.filter(({ replyId }) => !seen.has(replyId) && seen.add(replyId));
}

/** By lane. */
function lastAcknowledged(
  firsts: readonly ReplyRecord[],
  acknowledged: ReadonlySet<string>,
  rules: Rules,
): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const reply of firsts) {
    if (!acknowledged.has(reply.replyId)) continue;
    const lane = rules.replyLane(reply);
    last.set(lane, Math.max(reply.offset, last.get(lane) ?? 0));
  }
  return last;
}

function capableSources({ replies, acknowledged }: ReplyInput): ReadonlySet<string> {
  return new Set(replies.filter(({ replyId }) => acknowledged.has(replyId)).map(({ source }) => source));
}

function replyStage(
  input: ReplyInput,
  findings: readonly Finding[],
  { due, passed, missing }: Readonly<Record<'due' | 'passed' | 'missing', number>>,
): ReplyStage {
  const stage = 'command-to-reply';
  const { commands, effects, replies } = input;
  const isWaiting = commands.waiting.length > 0;
  const own = findings.filter((one) => one.stage === stage);
  const hasRun = commands.hasCommitted || effects.length > 0 || input.hasEarlierEffects;
  const isForgotten = due === 0 && hasForgotten(input);
  if (due === 0 && replies.length === 0 && own.length === 0 && !isForgotten && !(isWaiting && hasRun)) {
    const why = 'commands are stored, and the group of the commands service has never committed: nobody answers them';
    return { stage, verdict: 'not-measurable', detail: isWaiting ? why : 'no command had an effect' };
  }
  const doubled = own.filter(({ kind }) => kind === 'reply-doubled').length;
  const detail = `${due} commands with an effect, ${missing} replies missing, ${doubled} commands answered twice${withoutEffect(commands, passed)}${isForgotten ? FORGOTTEN : ''}`;
  const verdict = worst<Verdict>([stageVerdict(own), isWaiting || isForgotten ? 'inconclusive' : 'pass']);
  return { stage, verdict, detail, ...judgedTimes(input) };
}

const FORGOTTEN = '; no effect is young enough for its reply to be remembered';

function hasForgotten({ effects, hasEarlierEffects, ...times }: ReplyInput): boolean {
  return hasEarlierEffects || effects.some(({ status, atMs }) => status === 'done' && atMs < judgedFromMs(times));
}

function judgedTimes(input: ReplyInput): Pick<ReplyStage, 'since' | 'until'> {
  const untilMs = Math.min(input.oldestUnsentMs, input.nowMs - input.graceMs);
  return { since: new Date(judgedFromMs(input)).toISOString(), until: new Date(Math.max(0, untilMs)).toISOString() };
}

function withoutEffect({ waiting, hasCommitted, isCut }: JudgedCommands, count: number): string {
  const passed = `, ${isCut ? 'more than ' : ''}${count} commands passed over without an effect`;
  if (waiting.length === 0) return passed;
  const since = new Date(Math.min(...waiting.map(({ sinceMs }) => sinceMs))).toISOString();
  const why = hasCommitted ? 'has not come to them' : 'has never committed';
  return `${passed}; commands of ${waiting.length} partitions wait, stored since ${since}: the group of the commands service ${why}`;
}

function deliveryStage(input: ReplyInput, findings: readonly Finding[]): ReplyStage {
  const stage = 'reply-to-delivered';
  const capable = capableSources(input);
  if (capable.size === 0) {
    return { stage, verdict: 'not-measurable', detail: 'no source has acknowledged a reply by its id' };
  }
  const own = findings.filter((one) => one.stage === stage);
  const knownFromMs = input.acknowledgedFromMs + input.graceMs;
  const isKnown = input.replies.some(({ source, createdAtMs }) => capable.has(source) && createdAtMs >= knownFromMs);
  const detail = `${input.acknowledged.size} replies acknowledged by ${capable.size} sources, ${own.length} passed over${isKnown ? '' : PURGED}`;
  return { stage, verdict: worst<Verdict>([stageVerdict(own), isKnown ? 'pass' : 'inconclusive']), detail };
}

const PURGED = '; no reply is young enough for its acknowledgement to be remembered';
