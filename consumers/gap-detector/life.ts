// A message's whole life in stages, each with its evidence and its latency, from what log, rows and ledgers say of it. Pure.
import { type CommandStanding, PASSED_OVER } from './commands-without-effect.ts';
import type { Finding, Verdict } from './verdict.ts';
import { stageVerdict, worst } from './verdict.ts';

export const LIFE_STAGES = ['emitted', 'received', 'in-log', 'stored', 'replied', 'delivered'] as const;

export interface LifeStage {
  readonly stage: (typeof LIFE_STAGES)[number];
  /** `absent`: it should be there and is not. `none`: nothing is to be expected. `unknown`: nobody can say. */
  readonly state: 'seen' | 'absent' | 'none' | 'unknown';
  readonly at: string | null;
  /** Milliseconds since the receipt. */
  readonly latencyMs: number | null;
  readonly evidence: string;
}

export interface Life {
  readonly place: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly id: string | null;
  readonly eventKey: string | null;
  readonly stages: readonly LifeStage[];
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
}

export interface LifeFacts extends Pick<Life, 'place' | 'id' | 'eventKey' | 'findings'> {
  readonly counted: { readonly stream: string; readonly streamEpoch: string; readonly seq: number } | null;
  readonly gateway: { readonly epoch: string; readonly ingestSeq: number } | null;
  readonly receivedAtMs: number | null;
  /** Where the record's offset lies now. */
  readonly log: 'record' | 'altered' | 'unreadable' | 'control' | 'aborted' | 'hole' | 'expired' | 'not-yet';
  readonly row: { readonly storedAtMs: number; readonly isSame: boolean | null } | null;
  readonly account: { readonly name: 'duplicateOf' | 'quarantined' | 'purged'; readonly detail: string } | null;
  /** Why it is in none of these accounts although it should be: a claim that proved wrong. */
  readonly unproved: string | null;
  /** Whether persistence has come past it. */
  readonly isSettled: boolean;
  readonly effect: { readonly status: string; readonly atMs: number; readonly detail: string | null } | null;
  /** Whether its reply must be on the log by now, and could not have left it. */
  readonly isReplyDue: boolean;
  /** Of a command without an effect: why it has none; null where it is no command. */
  readonly command: CommandStanding | 'own-reply' | 'excused' | null;
  readonly replies: readonly { readonly replyId: string; readonly offset: number; readonly atMs: number }[];
  readonly acknowledged: readonly { readonly replyId: string; readonly atMs: number }[];
}

export function lifeOf(facts: LifeFacts): Life {
  const stages = [emitted(facts), received(facts), inLog(facts), stored(facts), replied(facts), delivered(facts)];
  const own: Verdict = stages.some(({ state }) => state === 'absent')
    ? 'fail'
    : stages.some(({ state }) => state === 'unknown')
      ? 'inconclusive'
      : 'pass';
  const { place, id, eventKey, findings } = facts;
  return { place, id, eventKey, stages, findings, verdict: worst([own, stageVerdict(findings)]) };
}

type Told = Pick<LifeStage, 'state' | 'evidence'> & { readonly atMs?: number | null };

function told(facts: LifeFacts, stage: LifeStage['stage'], { state, evidence, atMs = null }: Told): LifeStage {
  const at = atMs === null ? null : new Date(atMs).toISOString();
  const latencyMs = atMs === null || facts.receivedAtMs === null ? null : Math.max(0, atMs - facts.receivedAtMs);
  return { stage, state, at, latencyMs, evidence };
}

/** Where no envelope is known: nothing that a gateway wrote, or nobody can say what it was. */
function withoutEnvelope(facts: LifeFacts): Told {
  const isNobodys = facts.log === 'control' || facts.log === 'aborted';
  if (isNobodys) return { state: 'none', evidence: 'no message' };
  const what = facts.log === 'unreadable' ? 'no envelope that could be read' : 'nothing is known of it';
  return { state: 'unknown', evidence: what };
}

function emitted(facts: LifeFacts): LifeStage {
  const { counted, gateway } = facts;
  if (gateway === null) return told(facts, 'emitted', withoutEnvelope(facts));
  if (counted === null)
    return told(facts, 'emitted', { state: 'none', evidence: 'the source does not count its events' });
  const evidence = `number ${counted.seq} of stream ${counted.stream}, epoch ${counted.streamEpoch}`;
  return told(facts, 'emitted', { state: 'seen', evidence });
}

function received(facts: LifeFacts): LifeStage {
  const { gateway, receivedAtMs } = facts;
  if (gateway === null) return told(facts, 'received', withoutEnvelope(facts));
  const evidence = `frame ${gateway.ingestSeq} of gateway epoch ${gateway.epoch}`;
  return told(facts, 'received', { state: 'seen', evidence, atMs: receivedAtMs });
}

const OF_LOG: Readonly<Record<LifeFacts['log'], readonly [LifeStage['state'], string]>> = {
  record: ['seen', 'the record is on the log'],
  altered: ['absent', 'the record is not the frame that the gateway received'],
  unreadable: ['seen', 'a record is there that cannot be read'],
  control: ['none', 'a control record'],
  aborted: ['none', 'data of a transaction that was aborted'],
  hole: ['unknown', 'the log has nothing at this offset'],
  expired: ['none', 'the log has forgotten it'],
  'not-yet': ['unknown', 'the log has not come so far'],
};

function inLog(facts: LifeFacts): LifeStage {
  const { topic, partition, offset } = facts.place;
  const [state, evidence] = OF_LOG[facts.log];
  return told(facts, 'in-log', { state, evidence: `${topic}-${partition}@${offset}: ${evidence}` });
}

function stored(facts: LifeFacts): LifeStage {
  const { row, account, log, isSettled } = facts;
  if (row !== null) {
    const evidence =
      row.isSame === null
        ? 'a row; the record is gone, so it cannot be compared'
        : row.isSame
          ? 'the row has the text and the columns of the record'
          : 'the row differs from the record';
    return told(facts, 'stored', { state: row.isSame === false ? 'absent' : 'seen', evidence, atMs: row.storedAtMs });
  }
  if (account !== null) return told(facts, 'stored', { state: 'seen', evidence: `${account.name}: ${account.detail}` });
  if (log === 'control' || log === 'aborted') return told(facts, 'stored', { state: 'none', evidence: 'has no row' });
  if (log !== 'record' && log !== 'altered' && log !== 'unreadable')
    return told(facts, 'stored', { state: 'unknown', evidence: 'no row' });
  if (!isSettled)
    return told(facts, 'stored', { state: 'unknown', evidence: 'in flight: persistence is not there yet' });
  return told(facts, 'stored', { state: 'absent', evidence: facts.unproved ?? NOWHERE });
}

const NOWHERE = 'no row, no duplicate, not quarantined, not purged';
const NO_COMMAND = ['none', 'no effect: not a command'] as const;
const IN_FLIGHT = ['unknown', 'no effect: in flight, the commands service is not there yet'] as const;

const WITHOUT_EFFECT: Readonly<Record<NonNullable<LifeFacts['command']>, readonly [LifeStage['state'], string]>> = {
  'own-reply': ['none', 'no effect: an echo of a reply of our own'],
  excused: ['none', 'no effect: it could not be read, or has no time of receipt'],
  unreached: ['unknown', 'no effect: it may have left the log before there was a commands service'],
  forgotten: ['unknown', 'no effect: those of its time are forgotten'],
  young: IN_FLIGHT,
  'in-flight': IN_FLIGHT,
  'passed-over': ['absent', PASSED_OVER],
};

function replied(facts: LifeFacts): LifeStage {
  const { effect, replies, isReplyDue } = facts;
  const [first] = replies;
  if (first !== undefined) {
    const evidence = `reply ${first.replyId} at offset ${first.offset}${replies.length > 1 ? `, ${replies.length} times` : ''}`;
    return told(facts, 'replied', { state: 'seen', evidence, atMs: first.atMs });
  }
  if (effect === null && facts.gateway === null) return told(facts, 'replied', withoutEnvelope(facts));
  if (effect === null) {
    const [state, evidence] = facts.command === null ? NO_COMMAND : WITHOUT_EFFECT[facts.command];
    return told(facts, 'replied', { state, evidence });
  }
  const had = `effect ${effect.status} (${effect.detail ?? 'no detail'}), but no reply on the log`;
  const at = { atMs: effect.atMs };
  if (effect.status !== 'done') return told(facts, 'replied', { state: 'none', evidence: had, ...at });
  if (isReplyDue) return told(facts, 'replied', { state: 'absent', evidence: had, ...at });
  return told(facts, 'replied', { state: 'unknown', evidence: `${had}: on its way, or it has left it`, ...at });
}

function delivered(facts: LifeFacts): LifeStage {
  const [first] = facts.acknowledged;
  if (facts.replies.length === 0) return told(facts, 'delivered', { state: 'none', evidence: 'nothing to deliver' });
  if (first === undefined)
    return told(facts, 'delivered', { state: 'none', evidence: 'the peer has acknowledged nothing' });
  return told(facts, 'delivered', { state: 'seen', evidence: `acknowledged: ${first.replyId}`, atMs: first.atMs });
}
