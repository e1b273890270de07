// What a gateway epoch has said of itself, and how far it can be believed: which claims have been read up to, which numbers may
// have expired, what its end leaves open. Pure.
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { type Former, isOfFormer } from './former-log.ts';
import type { EpochState } from './gateway-ledger.ts';
import type { Spool } from './gateway-spool.ts';
import type { Range } from './intervals.ts';
import { nameOf } from './partition-name.ts';
import type { RangeSet } from './ranges.ts';
import type { Rules } from './rules.ts';
import { APART_MS } from './sightings.ts';

export interface Mark {
  /** Of the checkpoint in its epoch, from 0. */
  readonly number: number;
  readonly received: number;
  readonly settledUpTo: number;
  readonly ends: ReadonlyMap<string, bigint>;
  readonly atMs: number;
  /** Its successor said it, at some time after it had ended. */
  readonly isOfSuccessor: boolean;
}

export interface Epoch {
  /** Numbers found on the log or settled elsewhere. */
  readonly accounted: RangeSet;
  /** The highest number found so far, by `topic-partition`. */
  readonly highest: Map<string, number>;
  inLog: number;
  elsewhere: number;
  instance: string;
  settledUpTo: number;
  /** The highest number known to be given out. */
  received: number;
  inFlightMax: number;
  /** From here on every number that is not on the log is known to be settled elsewhere. */
  knownFrom: number;
  /** From here on it may have received what its successor calls settled and its source sends again all the same. */
  unacknowledgedFrom: number;
  /** It was closed by a process that cannot know how many numbers were given out. */
  isEndUnknown: boolean;
  /** What may lie in the spool of its instance and nowhere else, by its newest checkpoint. */
  spool: Spool | null;
  closed: boolean;
  /** By its own last word. */
  hasClosedItself: boolean;
  openedMs: number;
  /** Of its checkpoints. */
  lastHeardMs: number;
  /** Of its frames: an epoch whose checkpoints are still to be read is not a dead one. */
  lastFrameMs: number;
  ends: ReadonlyMap<string, bigint>;
  /** Sparse, ascending, evenly spaced: which numbers can have been appended below which offsets. */
  marks: Mark[];
  /** Checkpoints from one mark to the next: doubled whenever there are too many. */
  stride: number;
  /** The newest ones, all of them: the reading is a few checkpoints behind at most. */
  recent: Mark[];
  checkpoints: number;
}

/** The end offsets of an epoch after one more checkpoint. A successor that closes an epoch need not know of all its appends. */
export function furtherEnds(
  before: ReadonlyMap<string, bigint>,
  { ends }: Pick<SourceCheckpoint, 'ends'>,
): ReadonlyMap<string, bigint> {
  const further = new Map(before);
  for (const { topic, partition, offset } of ends) {
    const name = nameOf({ topic, partition });
    const end = BigInt(offset);
    if (end > (further.get(name) ?? 0n)) further.set(name, end);
  }
  return further;
}

const MARKS_MAX = 256;
const RECENT_MAX = 32;

/** What of a spool has not come onto the log yet. */
export function spooledOf({ spool, accounted }: Epoch, floor: number): readonly Range[] {
  return spool === null ? [] : accounted.missing(Math.max(spool.from, floor + 1), spool.to + 1);
}

/** Halving all marks again and again instead would leave nothing of an epoch's long past but its beginning. */
export function remember(epoch: Epoch, mark: Mark): void {
  epoch.recent.push(mark);
  if (epoch.recent.length > RECENT_MAX) epoch.recent.shift();
  if (mark.number % epoch.stride !== 0) return;
  epoch.marks.push(mark);
  if (epoch.marks.length <= MARKS_MAX) return;
  epoch.stride *= 2;
  epoch.marks = epoch.marks.filter(({ number }) => number % epoch.stride === 0);
}

export interface Reading {
  readonly positions: ReadonlyMap<string, bigint>;
  /** All that was on the log then has been read. */
  readonly asOfMs: number;
  readonly former: Former | undefined;
  readonly rules: Pick<Rules, 'isRead'>;
}

/** The highest claim whose end offsets have been read: the newest one alone would always be a moment ahead of the reading. */
export function readUpTo(
  { marks, recent }: Epoch,
  floor: number,
  { positions, asOfMs, former, rules }: Reading,
): number {
  // An end on a log that is gone does not tell where on the new one the frames lie that came since: only the time does.
  const isRead = ({ ends, atMs }: Mark): boolean =>
    [...ends].every(([name, end]) =>
      isOfFormer(former, name, end) ? atMs + APART_MS <= asOfMs : rules.isRead(positions.get(name) ?? -1n, end),
    );
  return [...marks, ...recent]
    .filter(isRead)
    .reduce((highest, { settledUpTo }) => Math.max(highest, settledUpTo), floor);
}

/** Checkpoints further apart than this do not say when a number between them was given out. */
const APART_MAX_MS = 10_000;

/** When a number was given out, by the first checkpoint that has it; undefined where the one before it is too old to tell. */
export function givenOutMs({ marks, recent, openedMs }: Epoch, number: number): number | undefined {
  let [before, after] = [openedMs, Number.POSITIVE_INFINITY];
  for (const { received, atMs } of [...marks, ...recent]) {
    if (received < number) before = Math.max(before, atMs);
    else after = Math.min(after, atMs);
  }
  return after - before <= APART_MAX_MS ? after : undefined;
}

/**
 * Numbers above what is settled that may have been given out and are not accounted for. Closed: up to the last one given
 * out. Crashed: at most `inFlightMax` are open at any time, so none lies higher than that above all that settled.
 */
export function tailOf(
  { accounted, settledUpTo, received, inFlightMax, knownFrom, isEndUnknown, checkpoints, spool }: Epoch,
  state: EpochState,
  floor: number,
  missing: number,
): { from: number; to: number } | null {
  if (state === 'live' || checkpoints === 0) return null;
  const from = accounted.firstMissing(Math.max(settledUpTo, floor, spool?.to ?? 0) + 1);
  if (from >= knownFrom) return null;
  if (state === 'closed' && !isEndUnknown) return from <= received ? { from, to: received } : null;
  // Of those up to the floor each was given out, whether its record is still there or not.
  const expired = accounted.missing(1, floor + 1).reduce((sum, { lower, upper }) => sum + (upper - lower), 0);
  return { from, to: Math.max(settledUpTo, spool?.to ?? 0, accounted.size + missing + expired) + inFlightMax };
}

/**
 * The number up to which records may have expired, or been on a log that is gone: a frame received after a checkpoint lies at or above that
 * checkpoint's end offsets. 0 when nothing has expired, undefined when nothing of the epoch is sure to be on the log.
 */
export function expiredUpTo(
  { marks, recent, ends: last }: Epoch,
  logStarts: ReadonlyMap<string, bigint>,
  former: Former | undefined,
): number | undefined {
  const gone = former === undefined ? 0 : former.upTo;
  if (gone === undefined) return undefined;
  const started = [...logStarts].filter(([name, offset]) => offset > 0n && last.has(name));
  if (started.length === 0) return gone;
  if (started.length === last.size && started.every(([name, offset]) => (last.get(name) ?? 0n) < offset))
    return undefined;
  // What was settled after a checkpoint is not on a partition where the epoch has appended nothing since.
  const isPast = ({ ends }: Mark, [name, offset]: readonly [string, bigint]): boolean => {
    const end = ends.get(name) ?? 0n;
    return !isOfFormer(former, name, end) && (end >= offset || ends.get(name) === last.get(name));
  };
  const past = [...marks, ...recent].find((mark) => started.every((start) => isPast(mark, start)));
  return past && Math.max(past.received, gone);
}

/** An epoch, and what of it is of a former log. */
export interface Claims {
  readonly epoch: Epoch;
  readonly former: Former | undefined;
}

/**
 * Until when whatever has left the log can have been received, by the gateways' clocks: infinity where none of them says anything of it, 0
 * where nothing has. An end offset at or above a log start offset was said when all below that had been appended. Of a
 * partition where nobody has come so far by a checkpoint, what each epoch appended was there when its end was said first.
 */
export function forgottenUntilMs(all: readonly Claims[], logStarts: ReadonlyMap<string, bigint>): number {
  const started = [...logStarts].filter(([, start]) => start > 0n);
  if (started.length === 0) return 0;
  // Before the first word nobody tells what was appended.
  const firstMs = soonestWord(all, () => true);
  if (!Number.isFinite(firstMs)) return firstMs;
  return started.reduce((latest, [name, start]) => {
    const passedMs = soonestWord(all, ({ ends }, former) => {
      const end = ends.get(name) ?? 0n;
      return end >= start && !isOfFormer(former, name, end);
    });
    const untilMs = Number.isFinite(passedMs) ? passedMs : lastAppendedMs(all, name);
    return Math.max(latest, untilMs);
  }, firstMs);
}

/** When the last of the epochs had appended all that it ever did to a partition. */
function lastAppendedMs(all: readonly Claims[], name: string): number {
  return all.reduce((latest, { epoch, former }) => {
    const end = epoch.ends.get(name);
    if (epoch.checkpoints === 0) return Math.max(latest, epoch.lastFrameMs);
    if (end === undefined) return latest;
    if (isOfFormer(former, name, end)) return Math.max(latest, epoch.lastHeardMs);
    return Math.max(
      latest,
      soonestWord([{ epoch, former }], ({ ends }) => ends.get(name) === end),
    );
  }, 0);
}

function soonestWord(all: readonly Claims[], isMeant: (mark: Mark, former: Former | undefined) => boolean): number {
  let soonest = Number.POSITIVE_INFINITY;
  for (const { epoch, former } of all)
    for (const mark of [...epoch.marks, ...epoch.recent])
      if (mark.atMs < soonest && isMeant(mark, former)) soonest = mark.atMs;
  return soonest;
}
