// The stage received → in log: every gateway epoch numbers its frames densely from 1; each number must be in the log
// (incoming or rejected) or in a checkpoint's settledElsewhere. A checkpoint says up to where all is settled and which end
// offsets to read first. An epoch that ended without a closing checkpoint leaves a tail nobody can know, bounded by what may
// be in flight. Pure; the clock is an argument.
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { REFUSED_BY_BROKER } from '../../schemas/settled-elsewhere.ts';
import { RangeSet } from './ranges.ts';
import type { Finding } from './verdict.ts';

export type EpochState = 'live' | 'closed' | 'crashed';

export interface EpochReport {
  readonly gatewayEpoch: string;
  readonly instance: string;
  readonly state: EpochState;
  readonly settledUpTo: number;
  /** Up to where the log has been read far enough to judge; below `settledUpTo` something was claimed that is not read yet. */
  readonly judgedUpTo: number;
  readonly inLog: number;
  readonly elsewhere: number;
  readonly missing: number;
  /** Numbers (inclusive) of which nobody can say whether they were ever given out. */
  readonly tail: { readonly from: number; readonly to: number } | null;
}

interface Mark {
  /** Of the checkpoint in its epoch, from 0. */
  readonly number: number;
  readonly received: number;
  readonly settledUpTo: number;
  readonly ends: ReadonlyMap<string, bigint>;
}

interface Epoch {
  /** Numbers found on the log or settled elsewhere. */
  readonly accounted: RangeSet;
  inLog: number;
  elsewhere: number;
  instance: string;
  settledUpTo: number;
  /** The highest number known to be given out. */
  received: number;
  inFlightMax: number;
  closed: boolean;
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

/** No word for this long, and the epoch is dead: checkpoints are written at least every five seconds. */
const SILENCE_MAX_MS = 20_000;
const MARKS_MAX = 256;
const RECENT_MAX = 32;

export class GatewayLedger {
  readonly #epochs = new Map<string, Epoch>();

  /** A frame found on the log. */
  observe(gatewayEpoch: string, ingestSeq: number, receivedAtMs: number): void {
    const epoch = this.#epoch(gatewayEpoch);
    epoch.lastFrameMs = Math.max(epoch.lastFrameMs, receivedAtMs);
    epoch.received = Math.max(epoch.received, ingestSeq);
    epoch.inLog += epoch.accounted.add(ingestSeq, ingestSeq + 1);
  }

  checkpoint(checkpoint: SourceCheckpoint): void {
    if (checkpoint.source !== null) return;
    const epoch = this.#epoch(checkpoint.gatewayEpoch);
    epoch.instance = checkpoint.instance;
    epoch.inFlightMax = checkpoint.inFlightMax;
    epoch.settledUpTo = Math.max(epoch.settledUpTo, checkpoint.settledUpTo);
    epoch.received = Math.max(epoch.received, checkpoint.received);
    epoch.closed ||= checkpoint.kind === 'closed';
    if (checkpoint.kind === 'opened') epoch.openedMs = checkpoint.at;
    epoch.lastHeardMs = Math.max(epoch.lastHeardMs, checkpoint.at);
    epoch.ends = new Map(
      checkpoint.ends.map(({ topic, partition, offset }) => [`${topic}-${partition}`, BigInt(offset)]),
    );
    for (const { from, to, reason } of checkpoint.settledElsewhere) {
      if (reason !== REFUSED_BY_BROKER) epoch.elsewhere += epoch.accounted.add(from, to + 1);
    }
    const { received, settledUpTo } = checkpoint;
    remember(epoch, { number: epoch.checkpoints, received, settledUpTo, ends: epoch.ends });
    epoch.checkpoints += 1;
  }

  /**
   * Judges all epochs. `positions` and `logStarts` are by `topic-partition`: how far the log has been read, and where it
   * begins; frames whose records may have expired are left out of the account, not called missing.
   */
  judge(
    positions: ReadonlyMap<string, bigint>,
    logStarts: ReadonlyMap<string, bigint>,
    nowMs: number,
  ): { epochs: readonly EpochReport[]; findings: readonly Finding[] } {
    const epochs: EpochReport[] = [];
    const findings: Finding[] = [];
    for (const [gatewayEpoch, epoch] of this.#epochs) {
      const floor = expiredUpTo(epoch, logStarts);
      if (floor === undefined) continue;
      const judgedUpTo = readUpTo(epoch, floor, positions);
      let missing = 0;
      for (const { lower, upper } of epoch.accounted.missing(floor + 1, judgedUpTo + 1)) {
        missing += upper - lower;
        const detail = 'a settled frame is neither on the log nor settled elsewhere';
        findings.push({ kind: 'missing', stage: 'gateway-to-log', gatewayEpoch, from: lower, to: upper - 1, detail });
      }
      const state = this.#stateOf(epoch, nowMs);
      const tail = judgedUpTo >= epoch.settledUpTo ? tailOf(epoch, state, floor, missing) : null;
      if (tail !== null) {
        const detail =
          state === 'closed'
            ? 'the gateway closed its epoch with frames in flight'
            : `the gateway ended without closing its epoch; at most ${epoch.inFlightMax} frames can have been in flight`;
        findings.push({ kind: 'tail-unknown', stage: 'gateway-to-log', gatewayEpoch, ...tail, detail });
      }
      if (epoch.checkpoints === 0 && state === 'crashed') {
        const detail = 'no checkpoint of this epoch is on the log, so nobody can say which frames it had';
        const range = { from: 1, to: epoch.received };
        findings.push({ kind: 'expired-unaudited', stage: 'gateway-to-log', gatewayEpoch, ...range, detail });
      }
      const { instance, settledUpTo, inLog, elsewhere } = epoch;
      epochs.push({ gatewayEpoch, instance, state, settledUpTo, judgedUpTo, inLog, elsewhere, missing, tail });
    }
    return { epochs, findings };
  }

  /** Whether every epoch that is still alive has said something at or after this time: what came in before is then judged. */
  heardSince(sinceMs: number, nowMs: number): boolean {
    return [...this.#epochs.values()].every(
      (epoch) => this.#stateOf(epoch, nowMs) !== 'live' || epoch.lastHeardMs >= sinceMs,
    );
  }

  /** Dead without a last word: silent for too long, or its instance has started anew since it last spoke. */
  #stateOf({ closed, lastHeardMs, lastFrameMs, instance }: Epoch, nowMs: number): EpochState {
    if (closed) return 'closed';
    const aliveMs = Math.max(lastHeardMs, lastFrameMs);
    const isSuperseded = [...this.#epochs.values()].some((one) => one.instance === instance && one.openedMs > aliveMs);
    return isSuperseded || nowMs - aliveMs > SILENCE_MAX_MS ? 'crashed' : 'live';
  }

  #epoch(gatewayEpoch: string): Epoch {
    let epoch = this.#epochs.get(gatewayEpoch);
    if (epoch === undefined) {
      epoch = {
        accounted: new RangeSet(),
        inLog: 0,
        elsewhere: 0,
        instance: 'unknown',
        settledUpTo: 0,
        received: 0,
        inFlightMax: 0,
        closed: false,
        openedMs: 0,
        lastHeardMs: 0,
        lastFrameMs: 0,
        ends: new Map(),
        marks: [],
        stride: 1,
        recent: [],
        checkpoints: 0,
      };
      this.#epochs.set(gatewayEpoch, epoch);
    }
    return epoch;
  }
}

/** Halving all marks again and again instead would leave nothing of an epoch's long past but its beginning. */
function remember(epoch: Epoch, mark: Mark): void {
  epoch.recent.push(mark);
  if (epoch.recent.length > RECENT_MAX) epoch.recent.shift();
  if (mark.number % epoch.stride !== 0) return;
  epoch.marks.push(mark);
  if (epoch.marks.length <= MARKS_MAX) return;
  epoch.stride *= 2;
  epoch.marks = epoch.marks.filter(({ number }) => number % epoch.stride === 0);
}

/** The highest claim whose end offsets have been read: the newest one alone would always be a moment ahead of the reading. */
function readUpTo({ marks, recent }: Epoch, floor: number, positions: ReadonlyMap<string, bigint>): number {
  const isRead = ({ ends }: Mark): boolean => [...ends].every(([name, end]) => (positions.get(name) ?? -1n) >= end);
  return [...marks, ...recent]
    .filter(isRead)
    .reduce((highest, { settledUpTo }) => Math.max(highest, settledUpTo), floor);
}

/**
 * Numbers above what is settled that may have been given out and are not accounted for. Closed: up to the last one given
 * out. Crashed: at most `inFlightMax` are open at any time, so none lies higher than that above all that settled.
 */
function tailOf(
  { accounted, settledUpTo, received, inFlightMax, checkpoints }: Epoch,
  state: EpochState,
  floor: number,
  missing: number,
): { from: number; to: number } | null {
  if (state === 'live' || checkpoints === 0) return null;
  const from = accounted.firstMissing(Math.max(settledUpTo, floor) + 1);
  if (state === 'closed') return from <= received ? { from, to: received } : null;
  return { from, to: Math.max(settledUpTo, accounted.size + missing + floor) + inFlightMax };
}

/**
 * The number up to which records may have expired: a frame received after a checkpoint lies at or above that checkpoint's
 * end offsets. 0 when nothing has expired, undefined when nothing of the epoch is sure to be on the log.
 */
function expiredUpTo({ marks, recent, ends: last }: Epoch, logStarts: ReadonlyMap<string, bigint>): number | undefined {
  const started = [...logStarts].filter(([name, offset]) => offset > 0n && last.has(name));
  if (started.length === 0) return 0;
  if (started.length === last.size && started.every(([name, offset]) => (last.get(name) ?? 0n) < offset))
    return undefined;
  // What was settled after a checkpoint is not on a partition where the epoch has appended nothing since.
  const isPast = ({ ends }: Mark, [name, offset]: readonly [string, bigint]): boolean =>
    (ends.get(name) ?? 0n) >= offset || ends.get(name) === last.get(name);
  return [...marks, ...recent].find((mark) => started.every((start) => isPast(mark, start)))?.received;
}
