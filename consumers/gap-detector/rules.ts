// The rules of the audit as one table, so that each can be shown to matter: the drill is run with one rule broken at a time
// (rule-mutations.testing.ts), and every broken rule must turn it red. Only SOUND_RULES is ever used to judge. Pure.
import type { LogEntry, Row } from './classify.ts';
import { reachOf, standingOf } from './commands-without-effect.ts';
import type { Digest } from './log-digest.ts';
import type { EffectLine, ReplyInput, ReplyRecord } from './replies.ts';
import { type SettledInput, settledWatermark } from './settled.ts';

export interface RowSums {
  readonly rows: number;
  readonly sum: bigint;
  /** Over the derived columns. */
  readonly columns: bigint;
}

export interface FirstLook {
  readonly atMs: number;
  /** Transactions that were open when the look had ended. */
  readonly writing: ReadonlySet<string>;
}

export interface SecondLook {
  readonly nowMs: number;
  readonly graceMs: number;
  /** Transactions that were open before the look began. */
  readonly writing: ReadonlySet<string>;
}

export type ReplyTimes = Pick<ReplyInput, 'oldestUnsentMs' | 'logBeginsMs' | 'nowMs' | 'graceMs'>;

/** A reply is made by another clock than its effect is written by, and a moment before: it may have gone although its effect looks younger. */
export function judgedFromMs({ logBeginsMs, graceMs }: Pick<ReplyTimes, 'logBeginsMs' | 'graceMs'>): number {
  return logBeginsMs + graceMs;
}

export interface Acknowledgements extends Pick<ReplyInput, 'acknowledgedFromMs' | 'nowMs' | 'graceMs'> {
  readonly isAcknowledged: boolean;
  /** Offset of the last reply of the same lane that its peer has acknowledged; undefined where there is none. */
  readonly lastAcknowledged: number | undefined;
}

export interface Rules {
  /** Whether the digests of a bucket prove all of its offsets stored. */
  readonly isProved: (log: Digest, rows: RowSums | undefined) => boolean;
  readonly isStored: (entry: LogEntry, row: Row) => boolean;
  /** Whether a claim "duplicate of this row" holds; undefined where the row it points at is gone. */
  readonly isDuplicate: (entry: LogEntry, first: Row | undefined) => boolean;
  /** Whether a claim "cannot be stored" holds; `refusedAgain` is what the database says now. */
  readonly isQuarantined: (entry: LogEntry, refusedAgain: boolean) => boolean;
  readonly isPurged: (offset: bigint, purged: readonly { readonly lower: bigint; readonly upper: bigint }[]) => boolean;
  /** Whether the key of a duplicate entry whose row was purged is that of the record; undefined where there is none. */
  readonly isPurgedDuplicate: (entry: LogEntry, key: string | undefined) => boolean;
  /** Whether the log has something at this offset that cannot have a row. */
  readonly isRowless: (entry: LogEntry | undefined) => boolean;
  /** Whether a row lies where the log has not come to yet. */
  readonly isBeyondTheLog: (offset: bigint, highWatermark: bigint) => boolean;
  /** Two looks: in no account at the first, and in none at one the grace period later that no writer of then is part of. */
  readonly isMissing: (first: FirstLook | undefined, second: SecondLook) => boolean;
  readonly settled: (input: SettledInput) => bigint;
  /** Whether the bytes on the log are not those that were received, by the digest the gateway wrote beside them. */
  readonly isFrameAltered: (received: string, onLog: string) => boolean;
  /** The last frame that must be accounted for, when claims have been read up to this one. */
  readonly lastJudged: (claimedUpTo: number) => number;
  /** Whether the reading has passed an end offset that a claim names. */
  readonly isRead: (position: bigint, end: bigint) => boolean;
  /** Up to when a source's events must have been received to be judged: a resume takes its time. */
  readonly ripeUntilMs: (nowMs: number) => number;
  /** Whether a number that was counted before comes again. */
  readonly isRepeated: (isKnown: boolean) => boolean;
  /** Whether a number that is new comes behind a higher one of the same partition. */
  readonly isReordered: (number: number, highest: number) => boolean;
  /** From where to where the group of the commands service is done. */
  readonly reach: typeof reachOf;
  readonly standing: typeof standingOf;
  /** Whether the reply to a command that had its effect must be on the log by now. */
  readonly isReplyDue: (effect: EffectLine, times: ReplyTimes) => boolean;
  readonly isAnswered: (eventKey: string, answered: ReadonlySet<string>) => boolean;
  /** Whether a reply is another than the outbox has sent under its id, by their hashes; undefined: the outbox has forgotten it. */
  readonly isReplyAltered: (onLog: string, sent: string | undefined) => boolean;
  /** What a further reply to a command is, by the reply ids that are on the log for the command; undefined: nothing of note. */
  readonly repeatedReply: (replyIds: number) => 'duplicate' | 'reply-doubled' | undefined;
  /** Replies of one lane are delivered in the order of the log. */
  readonly replyLane: (reply: ReplyRecord) => string;
  /** Whether a peer has passed over a reply. */
  readonly isUndelivered: (reply: ReplyRecord, acknowledgements: Acknowledgements) => boolean;
}

const PATIENCE_MS = 30_000;

export const SOUND_RULES: Rules = {
  isProved: (log, rows) =>
    log.plain && rows?.rows === log.records && rows.sum === log.sum && rows.columns === log.columns,
  isStored: (entry, row) =>
    entry.kind === 'record' &&
    entry.payloadHash === row.payloadHash &&
    entry.eventKey === row.id &&
    entry.columns === row.columns,
  isDuplicate: (entry, first) =>
    entry.kind === 'record' &&
    first !== undefined &&
    first.payloadHash === entry.payloadHash &&
    first.id === entry.eventKey,
  isQuarantined: (entry, refusedAgain) => entry.kind === 'undecodable' || refusedAgain,
  isPurged: (offset, purged) => purged.some(({ lower, upper }) => offset >= lower && offset < upper),
  isPurgedDuplicate: (entry, key) => entry.kind === 'record' && entry.eventKey === key,
  isRowless: (entry) => entry === undefined || entry.kind === 'control' || entry.kind === 'aborted',
  isBeyondTheLog: (offset, highWatermark) => offset >= highWatermark,
  isMissing: (first, { nowMs, graceMs, writing }) =>
    first !== undefined && nowMs - first.atMs >= graceMs && ![...first.writing].some((writer) => writing.has(writer)),
  settled: settledWatermark,
  isFrameAltered: (received, onLog) => received !== onLog,
  lastJudged: (claimedUpTo) => claimedUpTo,
  isRead: (position, end) => position >= end,
  ripeUntilMs: (nowMs) => nowMs - PATIENCE_MS,
  isRepeated: (isKnown) => isKnown,
  isReordered: (number, highest) => number < highest,
  reach: reachOf,
  standing: standingOf,
  isReplyDue: ({ status, atMs }, times) =>
    status === 'done' &&
    atMs >= judgedFromMs(times) &&
    atMs <= times.nowMs - times.graceMs &&
    atMs < times.oldestUnsentMs,
  isAnswered: (eventKey, answered) => answered.has(eventKey),
  isReplyAltered: (onLog, sent) => sent !== undefined && sent !== onLog,
  repeatedReply: (replyIds) => (replyIds > 1 ? 'reply-doubled' : 'duplicate'),
  replyLane: ({ source, partition }) => JSON.stringify([source, partition]),
  isUndelivered: ({ offset, createdAtMs }, { isAcknowledged, lastAcknowledged = 0, ...times }) =>
    !isAcknowledged &&
    createdAtMs >= times.acknowledgedFromMs + times.graceMs &&
    createdAtMs <= times.nowMs - times.graceMs &&
    offset < lastAcknowledged,
};
