// Each rule of the audit, broken in the ways that would let a loss pass or cry wolf. The drill must be red under every one of
// them; a rule without a mutation is one that nobody has shown to matter, and does not compile.
import { type Rules, SOUND_RULES } from './rules.ts';

/** Everything is old. */
const EVER = { nowMs: Number.POSITIVE_INFINITY };

export const MUTATIONS: { readonly [R in keyof Rules]: Readonly<Record<string, Rules[R]>> } = {
  isProved: {
    'nothing is compared': () => true,
    'counts alone are compared': (log, rows) => rows?.rows === log.records,
    'derived columns are not compared': (log, rows) => rows?.rows === log.records && rows.sum === log.sum,
  },
  isStored: {
    'any row will do': () => true,
    'no row will do': () => false,
    'a derived column may differ': (entry, row) => entry.kind === 'record' && entry.payloadHash === row.payloadHash,
  },
  isDuplicate: {
    'duplicates are believed': () => true,
    'duplicates are never believed': () => false,
    'the row may be gone': (entry, first) => first === undefined || SOUND_RULES.isDuplicate(entry, first),
  },
  isQuarantined: {
    'quarantine is believed': () => true,
    'quarantine is never believed': () => false,
  },
  isPurged: {
    'whatever is absent was purged': () => true,
    'purged ranges are forgotten': () => false,
  },
  isPurgedDuplicate: {
    'any duplicate of what was purged is believed': (_entry, key) => key !== undefined,
    'what was purged proves nothing': () => false,
  },
  isRowless: { 'any offset may have a row': () => false },
  isBeyondTheLog: { 'rows may lie anywhere': () => false },
  isMissing: {
    'one look is enough': () => true,
    'nothing is ever missing': () => false,
    'writers are not waited for': (first, { nowMs, graceMs }) => first !== undefined && nowMs - first.atMs >= graceMs,
  },
  settled: {
    'what is in flight is judged': ({ lastStable }) => lastStable,
    'nothing settles': ({ logStart }) => logStart,
  },
  isFrameAltered: { 'any bytes will do': () => false, 'no bytes will do': () => true },
  lastJudged: { 'no frame need be there': () => 0 },
  isRead: { 'claims are judged unread': () => true, 'no claim is ever judged': () => false },
  ripeUntilMs: { 'there is no patience': (nowMs) => nowMs + 60_000, 'nothing is ever ripe': () => 0 },
  isRepeated: { 'repeats are not seen': () => false },
  isReordered: { 'order is not looked at': () => false, 'any order is wrong': () => true },
  reach: {
    'commands of before there was a service are asked for': (...of) => ({ ...SOUND_RULES.reach(...of), from: 0n }),
    'commands that left the log are not asked for': (partition, ends, group) =>
      SOUND_RULES.reach(partition, ends, { ...group, firstHandled: undefined }),
    'who has never committed has passed everything': (partition, ends, { committed = ends.highWatermark, ...group }) =>
      SOUND_RULES.reach(partition, ends, { committed, ...group }),
  },
  standing: {
    'nothing is passed over': () => 'in-flight',
    'what is in flight is passed over': (...of) => {
      const standing = SOUND_RULES.standing(...of);
      return standing === 'in-flight' ? 'passed-over' : standing;
    },
    'there is no patience': (command, reach, times) => SOUND_RULES.standing(command, reach, { ...times, ...EVER }),
  },
  isReplyDue: {
    'no reply is ever due': () => false,
    'there is no patience': (effect, times) => SOUND_RULES.isReplyDue(effect, { ...times, ...EVER }),
    'who was skipped must be answered': (effect, times) => SOUND_RULES.isReplyDue({ ...effect, status: 'done' }, times),
    'what waits in the outbox is due': (effect, times) =>
      SOUND_RULES.isReplyDue(effect, { ...times, oldestUnsentMs: Number.POSITIVE_INFINITY }),
    'what the log has let go of is due': (effect, times) =>
      SOUND_RULES.isReplyDue(effect, { ...times, logBeginsMs: 0 }),
    'a reply is as old as its effect': (effect, times) =>
      SOUND_RULES.isReplyDue(effect, { ...times, logBeginsMs: times.logBeginsMs - times.graceMs }),
  },
  isAnswered: { 'every command is answered': () => true, 'no command is answered': () => false },
  isReplyAltered: {
    'any reply will do': () => false,
    'no reply will do': (_onLog, sent) => sent !== undefined,
    'what is forgotten is altered': (onLog, sent) => sent !== onLog,
  },
  repeatedReply: {
    'repeats are not seen': () => undefined,
    'any repeat is a repeat': () => 'duplicate',
    'any repeat is another reply': () => 'reply-doubled',
  },
  replyLane: {
    'all sources share a lane': ({ partition }) => String(partition),
    'all partitions are one lane': ({ source }) => source,
  },
  isUndelivered: {
    'everything is delivered': () => false,
    'acknowledgements are not looked at': (reply, acknowledgements) =>
      SOUND_RULES.isUndelivered(reply, { ...acknowledgements, isAcknowledged: false }),
    'what was purged was never acknowledged': (reply, acknowledgements) =>
      SOUND_RULES.isUndelivered(reply, { ...acknowledgements, acknowledgedFromMs: Number.NEGATIVE_INFINITY }),
    'what waits for its peer is undelivered': (reply, acknowledgements) =>
      SOUND_RULES.isUndelivered(reply, { ...acknowledgements, lastAcknowledged: Number.POSITIVE_INFINITY }),
    'there is no patience': (reply, acknowledgements) =>
      SOUND_RULES.isUndelivered(reply, { ...acknowledgements, ...EVER }),
  },
};

export interface Mutation {
  readonly name: string;
  readonly rules: Rules;
}

export const ALL_MUTATIONS: readonly Mutation[] = Object.entries(MUTATIONS).flatMap(([rule, broken]) =>
  Object.entries(broken).map(([how, mutated]) => ({
    name: `${rule}: ${how}`,
    rules: { ...SOUND_RULES, [rule]: mutated },
  })),
);
