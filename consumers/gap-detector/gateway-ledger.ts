// The stage received → in log: every gateway epoch numbers its frames densely from 1; each number must be in the log
// (incoming or rejected) or in a checkpoint's settledElsewhere. A checkpoint says up to where all is settled and which end
// offsets to read first. An epoch that ended without a closing checkpoint leaves a tail nobody can know, bounded by what may
// be in flight. Pure; the clock is an argument.
import type { TopicPartition } from '../../kafka/log.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import {
  CLOSED_BY_SUCCESSOR,
  OPEN_END,
  REFUSED_BY_BROKER,
  SETTLED_ELSEWHERE,
} from '../../schemas/settled-elsewhere.ts';
import {
  type Epoch,
  expiredUpTo,
  forgottenUntilMs,
  furtherEnds,
  givenOutMs,
  readUpTo,
  remember,
  spooledOf,
  tailOf,
} from './epoch-claims.ts';
import { type Former, type FormerLog, formerOf, isOf } from './former-log.ts';
import { spoolOf } from './gateway-spool.ts';
import { Notes } from './notes.ts';
import { nameOf } from './partition-name.ts';
import { RangeSet } from './ranges.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import { type SettledUntil, settledUntil } from './settled-until.ts';
import type { Forgotten } from './sightings.ts';
import type { Finding } from './verdict.ts';

export type EpochState = 'live' | 'closed' | 'crashed';

export interface EpochReport {
  readonly gatewayEpoch: string;
  readonly instance: string;
  readonly state: EpochState;
  /** The first frame that can be judged: the records of those before it may have expired. */
  readonly from: number;
  readonly settledUpTo: number;
  /** Up to where the log has been read far enough to judge; below `settledUpTo` something was claimed that is not read yet. */
  readonly judgedUpTo: number;
  readonly inLog: number;
  readonly elsewhere: number;
  readonly missing: number;
  /** Numbers (inclusive) of which nobody can say whether they were ever given out. */
  readonly tail: { readonly from: number; readonly to: number } | null;
  /** How many frames nobody can say anything of: the tail, what waits in a spool elsewhere, all of an epoch without a checkpoint. */
  readonly unknown?: number;
}

/** Where on the log a frame was found. */
export interface Place extends TopicPartition {
  readonly offset: bigint;
}

/** No word for this long, and the epoch is dead: checkpoints are written at least every five seconds. */
const SILENCE_MAX_MS = 20_000;

export class GatewayLedger {
  readonly #epochs = new Map<string, Epoch>();
  readonly #notes = new Notes();
  readonly #rules: Rules;
  #formerLog: FormerLog | undefined;

  constructor(rules: Rules = SOUND_RULES) {
    this.#rules = rules;
  }

  /** Where a topic was deleted and made again, what was said of it before tells nothing of what is there now. */
  recreated(log: FormerLog | undefined): void {
    this.#formerLog = log;
  }

  /** A frame found on the log. */
  observe(gatewayEpoch: string, ingestSeq: number, receivedAtMs: number, at?: Place): void {
    const epoch = this.#epoch(gatewayEpoch);
    epoch.lastFrameMs = Math.max(epoch.lastFrameMs, receivedAtMs);
    epoch.received = Math.max(epoch.received, ingestSeq);
    if (at !== undefined) this.#noteOrder(gatewayEpoch, epoch, ingestSeq, at);
    epoch.inLog += epoch.accounted.add(ingestSeq, ingestSeq + 1);
  }

  checkpoint(checkpoint: SourceCheckpoint): void {
    if (checkpoint.source !== null) return;
    const epoch = this.#epoch(checkpoint.gatewayEpoch);
    const isOfSuccessor = checkpoint.reason === CLOSED_BY_SUCCESSOR;
    // Whoever finds on the disk what an epoch that closed itself could not take away there knows less than that one did.
    if (isOfSuccessor && epoch.hasClosedItself) return;
    epoch.instance = checkpoint.instance;
    epoch.inFlightMax = checkpoint.inFlightMax;
    epoch.spool = spoolOf(checkpoint);
    epoch.settledUpTo = Math.max(epoch.settledUpTo, checkpoint.settledUpTo);
    // A successor does not know how many were given out.
    const isCounted = checkpoint.received !== OPEN_END;
    const received = isCounted ? checkpoint.received : checkpoint.settledUpTo;
    epoch.isEndUnknown ||= !isCounted;
    epoch.received = Math.max(epoch.received, received);
    epoch.closed ||= checkpoint.kind === 'closed';
    epoch.hasClosedItself ||= checkpoint.kind === 'closed' && !isOfSuccessor;
    if (checkpoint.kind === 'opened') epoch.openedMs = checkpoint.at;
    epoch.lastHeardMs = Math.max(epoch.lastHeardMs, checkpoint.at);
    epoch.ends = furtherEnds(epoch.ends, checkpoint);
    for (const { from, to, reason } of checkpoint.settledElsewhere) {
      if (reason === REFUSED_BY_BROKER) continue;
      if (reason === SETTLED_ELSEWHERE.unacknowledged)
        epoch.unacknowledgedFrom = Math.min(epoch.unacknowledgedFrom, from);
      if (to === OPEN_END) epoch.knownFrom = Math.min(epoch.knownFrom, from);
      else epoch.elsewhere += epoch.accounted.add(from, to + 1);
    }
    const { settledUpTo, at: atMs } = checkpoint;
    remember(epoch, { number: epoch.checkpoints, received, settledUpTo, ends: epoch.ends, atMs, isOfSuccessor });
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
      const former = this.#formerOf(epoch);
      const floor = expiredUpTo(epoch, logStarts, former);
      if (floor === undefined) continue;
      const judgedUpTo = readUpTo(epoch, floor, { positions, asOfMs: nowMs, former, rules: this.#rules });
      let missing = 0;
      for (const { lower, upper } of epoch.accounted.missing(floor + 1, this.#rules.lastJudged(judgedUpTo) + 1)) {
        missing += upper - lower;
        const detail = 'a settled frame is neither on the log nor settled elsewhere';
        const receivedAt = givenOutMs(epoch, lower);
        const about = { gatewayEpoch, from: lower, to: upper - 1, ...(receivedAt !== undefined && { receivedAt }) };
        findings.push({ kind: 'missing', stage: 'gateway-to-log', ...about, detail });
      }
      const state = this.#stateOf(epoch, nowMs);
      const tail = judgedUpTo >= epoch.settledUpTo ? tailOf(epoch, state, floor, missing) : null;
      const spooled = state === 'live' ? [] : spooledOf(epoch, floor);
      // What an end leaves open happened when the gateway was last heard of.
      const ended = { gatewayEpoch, receivedAt: Math.max(epoch.lastHeardMs, epoch.lastFrameMs) };
      for (const { lower, upper } of spooled) {
        const detail = `these frames wait in the spool of ${epoch.instance} until it returns`;
        const range = { from: lower, to: upper - 1 };
        findings.push({ kind: 'spooled-elsewhere', stage: 'gateway-to-log', ...ended, ...range, detail });
      }
      if (tail !== null) {
        const detail =
          state === 'closed'
            ? 'the gateway closed its epoch with frames in flight'
            : `the gateway ended without closing its epoch; at most ${epoch.inFlightMax} frames can have been in flight`;
        findings.push({ kind: 'tail-unknown', stage: 'gateway-to-log', ...ended, ...tail, detail });
      }
      const isOrphan = epoch.checkpoints === 0 && state === 'crashed';
      if (isOrphan) {
        const detail = 'no checkpoint of this epoch is on the log, so nobody can say which frames it had';
        const range = { from: 1, to: epoch.received };
        findings.push({ kind: 'expired-unaudited', stage: 'gateway-to-log', gatewayEpoch, ...range, detail });
      }
      const { instance, settledUpTo, inLog, elsewhere } = epoch;
      const waiting = spooled.reduce((sum, { lower, upper }) => sum + upper - lower, 0);
      const unknown = (tail === null ? 0 : tail.to - tail.from + 1) + waiting + (isOrphan ? epoch.received - inLog : 0);
      const counts = { settledUpTo, judgedUpTo, inLog, elsewhere, missing, tail, unknown };
      epochs.push({ gatewayEpoch, instance, state, from: floor + 1, ...counts });
    }
    return { epochs, findings: [...findings, ...this.#notes.findings] };
  }

  /** Whether every epoch that is still alive has said something at or after this time: what came in before is then judged. */
  heardSince(sinceMs: number, nowMs: number): boolean {
    return [...this.#epochs.values()].every(
      (epoch) => this.#stateOf(epoch, nowMs) !== 'live' || epoch.lastHeardMs >= sinceMs,
    );
  }

  /** Up to when everything that an epoch has received is settled and read. */
  settledUntil(
    gatewayEpoch: string,
    positions: ReadonlyMap<string, bigint>,
    logStarts: ReadonlyMap<string, bigint>,
    nowMs: number,
  ): SettledUntil {
    const epoch = this.#epochs.get(gatewayEpoch);
    if (epoch === undefined) return { untilMs: 0, isOpenEnded: false };
    const former = this.#formerOf(epoch);
    const floor = expiredUpTo(epoch, logStarts, former) ?? epoch.received;
    const judgedUpTo = readUpTo(epoch, 0, { positions, asOfMs: nowMs, former, rules: this.#rules });
    return settledUntil(epoch, this.#stateOf(epoch, nowMs), floor, judgedUpTo);
  }

  /**
   * What has left the log of incoming events, whose starts these are, and until when it can have been received. One that was made again
   * has forgotten something wherever it begins.
   */
  forgotten(logStarts: ReadonlyMap<string, bigint>): Forgotten {
    const log = this.#formerLog;
    const starts = new Map([...logStarts].filter(([name, start]) => start > 0n || (log && isOf(name, log))));
    const all = [...this.#epochs.values()].map((epoch) => ({ epoch, former: this.#formerOf(epoch) }));
    return { starts, untilMs: Math.max(forgottenUntilMs(all, starts), log?.seenMs ?? 0) };
  }

  #formerOf(epoch: Epoch): Former | undefined {
    return formerOf(epoch, this.#formerLog);
  }

  /** Dead without a last word: silent for too long, or its instance has started anew since it last spoke. */
  #stateOf({ closed, lastHeardMs, lastFrameMs, instance }: Epoch, nowMs: number): EpochState {
    if (closed) return 'closed';
    const aliveMs = Math.max(lastHeardMs, lastFrameMs);
    const isSuperseded = [...this.#epochs.values()].some((one) => one.instance === instance && one.openedMs > aliveMs);
    return isSuperseded || nowMs - aliveMs > SILENCE_MAX_MS ? 'crashed' : 'live';
  }

  /** An append of unknown outcome that is made again puts a frame on the log twice; nothing should change their order. */
  #noteOrder(gatewayEpoch: string, { accounted, highest }: Epoch, ingestSeq: number, at: Place): void {
    const name = nameOf(at);
    const before = highest.get(name) ?? 0;
    const note = (kind: 'duplicate' | 'reordered', detail: string): void => {
      const place = { gatewayEpoch, topic: at.topic, partition: at.partition, offset: Number(at.offset) };
      this.#notes.add({ kind, stage: 'gateway-to-log', ...place, from: ingestSeq, to: ingestSeq, detail });
    };
    if (this.#rules.isRepeated(accounted.has(ingestSeq)))
      note('duplicate', 'the frame is on the log at another offset too');
    else if (this.#rules.isReordered(ingestSeq, before))
      note('reordered', `the frame lies behind frame ${before}, received later`);
    if (ingestSeq > before) highest.set(name, ingestSeq);
  }

  #epoch(gatewayEpoch: string): Epoch {
    let epoch = this.#epochs.get(gatewayEpoch);
    if (epoch === undefined) {
      epoch = {
        accounted: new RangeSet(),
        highest: new Map(),
        inLog: 0,
        elsewhere: 0,
        instance: 'unknown',
        settledUpTo: 0,
        received: 0,
        inFlightMax: 0,
        knownFrom: OPEN_END,
        unacknowledgedFrom: OPEN_END,
        isEndUnknown: false,
        spool: null,
        closed: false,
        hasClosedItself: false,
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
