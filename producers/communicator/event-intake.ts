// The events of one session on their way to the log: which are new, which come again, which are refused for now or for good.
// A window of events without an answer bounds what a peer can have here; at its end the socket is not read any more.
import {
  type CloseName,
  PROTOCOL_ERROR,
  PROTOCOL_LIMITS,
  type ProtocolErrorName,
} from '../../schemas/protocol/codes.ts';
import type { GatewayFrame } from '../../schemas/protocol/frames.ts';
import { SETTLED_ELSEWHERE } from '../../schemas/settled-elsewhere.ts';
import type { Clock } from '../../service/clock.ts';
import { kindOf, sha256 } from './envelope.ts';
import { eventProblem, isPassing, standingOf, standingProblem } from './event-frame.ts';
import { type EventName, errorNameOf, whichOf } from './event-name.ts';
import type { Ingest, Origin } from './ingest.ts';
import type { OpenStream } from './open-streams.ts';
import type { Frame, Parsed, Refusal } from './parse-frame.ts';
import { PeerRate, type Rate } from './peer-rate.ts';
import type { Outcome } from './recent-events.ts';
import { ReplyEvidence } from './reply-evidence.ts';
import { GAPS_MAX } from './seq-gaps.ts';
import type { Arrival } from './stream-account.ts';
import type { Streams } from './streams.ts';
import type { Wire } from './wire.ts';

export interface EventIntakeOptions {
  readonly from: Origin;
  readonly ingest: Ingest;
  readonly streams: Streams;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly rate: Rate | undefined;
  /** Undefined for an epoch that was never announced. */
  readonly streamOf: (epoch: string) => OpenStream | undefined;
  readonly send: (frame: GatewayFrame) => void;
  readonly error: (name: ProtocolErrorName, reason: string, ref?: string) => void;
}

interface Named extends EventName {
  readonly open: OpenStream;
}

interface Numbered extends Named {
  readonly seq: number;
}

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export class EventIntake {
  readonly evidence: ReplyEvidence;
  readonly #options: EventIntakeOptions;
  readonly #rate: PeerRate;
  #stream = '';
  #epoch = '';
  /** Why, and until when, an event was refused for now last. */
  #again: { readonly error: ProtocolErrorName; readonly atMs: number } = { error: 'rateLimited', atMs: 0 };
  #unsettled = 0;
  #unsettledBytes = 0;

  constructor(options: EventIntakeOptions) {
    this.#options = options;
    this.#rate = new PeerRate(options.rate, options.clock.nowMs());
    const { from, ingest, error, clock } = options;
    this.evidence = new ReplyEvidence({
      ...{ from, ingest, error },
      nowMs: () => clock.nowMs(),
      isAllowed: () => this.#rate.wait('handled', clock.nowMs()) === undefined,
      begin: (frame) => this.#begin(frame),
      end: (frame) => this.#end(frame),
    });
  }

  get unsettled(): number {
    return this.#unsettled;
  }

  /** What an event without stream or epoch belongs to. */
  speaks(stream: string, epoch: string): void {
    this.#stream = stream;
    this.#epoch = epoch;
  }

  take(frame: Frame, parsed: Parsed): void {
    const standing = standingOf(parsed.fields);
    const open = this.#options.streamOf(standing.epoch ?? this.#epoch);
    const session = { stream: this.#stream, isAnnounced: open !== undefined };
    const refusal = parsed.ok
      ? (standingProblem(standing, session) ?? eventProblem(parsed.fields, frame.bytes.length))
      : parsed.refusal;
    const known = open ?? this.#options.streamOf(this.#epoch);
    if (known === undefined) throw new Error('an event before its session was open');
    const named = { open: known, seq: open === undefined ? undefined : standing.seq, id: standing.id };
    const nowMs = this.#options.clock.nowMs();
    // Its number must be known before anything is decided, else a refused event would look like a gap.
    const digest = sha256(frame.bytes);
    const isOurs = standing.stream === undefined || standing.stream === this.#stream;
    if (named.seq === undefined || !isOurs) return this.#unnumbered(frame, parsed, refusal, digest, named, nowMs);
    this.#numbered(frame, parsed, refusal, digest, { ...named, seq: named.seq }, nowMs);
  }

  /** Tells the peer what became of an event of its stream, which may have come over a connection before this one. */
  answer(epoch: string, { seq, id }: EventName, outcome: Outcome): void {
    const open = this.#options.streamOf(epoch);
    if (open !== undefined) this.#answer({ open, seq, id }, outcome, false);
  }

  tick(nowMs: number): void {
    if (this.#rate.isAbused(nowMs)) return this.#options.wire.close('rateAbuse');
    this.evidence.tick();
  }

  #unnumbered(
    frame: Frame,
    parsed: Parsed,
    refusal: Refusal | undefined,
    digest: string,
    named: Named,
    nowMs: number,
  ): void {
    const waitMs = this.#rate.wait(isPassing(parsed) ? 'passing' : 'event', nowMs);
    if (waitMs !== undefined) return this.#refuseForNow(named, parsed, waitMs, nowMs);
    this.#append(frame, refusal === undefined ? parsed : { ok: false, refusal }, digest, named, (outcome) =>
      this.#answer(named, outcome, false),
    );
  }

  #numbered(
    frame: Frame,
    parsed: Parsed,
    refusal: Refusal | undefined,
    digest: string,
    named: Numbered,
    nowMs: number,
  ): void {
    const { ingest, streams, from, clock } = this.#options;
    const { open, seq } = named;
    const { account, state } = open;
    if (!account.hasRoomFor(seq)) return this.#tooManyGaps('positionMismatch');
    const arrival = account.arrive(seq, digest, nowMs);
    if (arrival.kind === 'duplicate') {
      ingest.settleElsewhere(from, SETTLED_ELSEWHERE.duplicate);
      if (this.#rate.wait('again', nowMs) !== undefined) this.#rate.over(nowMs);
      // Without an outcome it is answered when the first one is.
      if (arrival.outcome !== undefined) this.#answer(named, arrival.outcome, true);
      return;
    }
    if (arrival.kind === 'new' && arrival.opened !== undefined) {
      streams.gap('gap_open', state, account.epoch, arrival.opened);
    }
    const before = arrival.kind === 'new' ? account.heldBackBy(seq) : undefined;
    if (before !== undefined) return this.#holdBack(named, before, nowMs);
    const waitMs = this.#rate.wait(isPassing(parsed) ? 'passing' : 'event', nowMs);
    if (waitMs !== undefined) return this.#numberedForNow(named, parsed, arrival, digest, waitMs, nowMs);
    this.#append(frame, refusal === undefined ? parsed : { ok: false, refusal }, digest, named, (outcome) => {
      if (arrival.kind === 'conflict') return this.#conflicted(named, outcome);
      if (outcome.kind === 'nowhere') account.release(seq, clock.nowMs());
      else account.settle(seq, digest, outcome);
      for (const range of account.takeClosed()) streams.gap('gap_closed', state, account.epoch, range);
      // To whoever speaks for the stream by now: this connection may have been replaced meanwhile.
      state.speaker?.settled(account.epoch, named, outcome);
    });
  }

  #numberedForNow(
    named: Numbered,
    parsed: Parsed,
    arrival: Arrival,
    digest: string,
    waitMs: number,
    nowMs: number,
  ): void {
    const { account, state, acks } = named.open;
    if (arrival.kind === 'new' && isPassing(parsed)) {
      account.settle(named.seq, digest, { kind: 'sampled' });
      this.#options.streams.sampled(state, account.epoch, named.seq);
      acks.due();
      // With another body, the number is on its way with the first.
    } else if (arrival.kind === 'new') account.release(named.seq, nowMs, waitMs);
    this.#refuseForNow(named, parsed, waitMs, nowMs);
    if (account.isFull) this.#tooManyGaps('rateAbuse');
  }

  /** One before it was refused for now: it has to come behind that one, or their order would change. */
  #holdBack(named: Numbered, before: number, nowMs: number): void {
    const { ingest, from } = this.#options;
    const { account } = named.open;
    account.release(named.seq, nowMs);
    ingest.settleElsewhere(from, SETTLED_ELSEWHERE.refusedForNow);
    this.#rate.over(nowMs);
    // When each may pass, if all of them come again in order.
    const ms = Math.max(0, this.#again.atMs - nowMs) + (named.seq - before) * this.#rate.perEventMs;
    const waitMs = Math.max(1, Math.min(Math.ceil(ms), RETRY_MAX_MS));
    this.#nackForNow(named, this.#again.error, `event ${before} has to come again before it`, waitMs);
    if (account.isFull) this.#tooManyGaps('rateAbuse');
  }

  /** The first one alone has the number, and is what an acknowledgement of it means. */
  #conflicted({ seq }: Numbered, outcome: Outcome): void {
    const { error } = this.#options;
    if (outcome.kind === 'logged')
      return error('idConflict', 'this number came with another body; both are kept', String(seq));
    error('idConflict', 'this number came with another body; that one is refused', String(seq));
  }

  #tooManyGaps(close: CloseName): void {
    const { error, wire } = this.#options;
    error('windowExceeded', `more than ${GAPS_MAX} gaps are open; come back and send all that is not acknowledged`);
    wire.close(close);
  }

  #append(frame: Frame, parsed: Parsed, digest: string, named: Named, settled: (outcome: Outcome) => void): void {
    const { from, ingest, error } = this.#options;
    const { open, seq, id } = named;
    this.#begin(frame);
    const place = seq === undefined ? null : { stream: open.state.stream, streamEpoch: open.account.epoch, seq };
    if (parsed.ok && kindOf(parsed.fields) === 'unknown') {
      error('unknownEvent', 'kept on the log as unknown', String(seq ?? id ?? ''));
    }
    const onSettled = (outcome: Outcome): void => {
      this.#end(frame);
      settled(outcome);
    };
    ingest.receive({ frame, parsed, from, place, sha256: digest, onSettled });
  }

  #answer(named: Named, outcome: Outcome, isDuplicate: boolean): void {
    const name = named.seq ?? named.id;
    switch (outcome.kind) {
      case 'refused':
        return this.#nack(named, outcome);
      case 'nowhere':
        return this.#notNow(named, 'internal', 'the log refused it', RETRY_MS);
      case 'sampled':
        return named.open.acks.due();
      case 'logged':
        if (name !== undefined) named.open.acks.add(name, outcome, isDuplicate);
    }
  }

  /** Final: the frame is kept on the topic of rejected ones, and its number counts as settled. */
  #nack({ open, seq, id }: Named, { code, reason }: Refusal): void {
    const { send, error } = this.#options;
    if (seq === undefined && id === undefined) return error(errorNameOf(code), reason);
    send({ op: 'nack', epoch: open.account.epoch, ...whichOf({ seq, id }), code, reason });
    if (seq !== undefined) open.acks.due();
  }

  #refuseForNow(named: Named, parsed: Parsed, waitMs: number, nowMs: number): void {
    const { ingest, from } = this.#options;
    if (isPassing(parsed)) {
      ingest.settleElsewhere(from, SETTLED_ELSEWHERE.sampled);
      this.#rate.over(nowMs);
      const { code } = PROTOCOL_ERROR.rateLimited;
      if (named.seq === undefined) this.#nack(named, { code, reason: 'more of these than the rate allows; left out' });
      return;
    }
    ingest.settleElsewhere(from, SETTLED_ELSEWHERE.refusedForNow);
    this.#rate.over(nowMs);
    this.#notNow(named, 'rateLimited', 'more events than the rate allows', waitMs);
  }

  /** The peer sends it again later, and its number stays open until then. */
  #notNow(named: Named, error: ProtocolErrorName, reason: string, waitMs: number): void {
    if (named.seq !== undefined) this.#again = { error, atMs: this.#options.clock.nowMs() + waitMs };
    this.#nackForNow(named, error, reason, waitMs);
  }

  #nackForNow({ open, seq, id }: Named, error: ProtocolErrorName, reason: string, waitMs: number): void {
    const { code } = PROTOCOL_ERROR[error];
    this.#options.send({
      op: 'nack',
      epoch: open.account.epoch,
      ...whichOf({ seq, id }),
      code,
      reason,
      retry_after_ms: waitMs,
    });
  }

  #begin({ bytes }: Frame): void {
    this.#unsettled += 1;
    this.#unsettledBytes += bytes.length;
    const { window, windowBytes } = PROTOCOL_LIMITS;
    if (this.#unsettled >= window || this.#unsettledBytes >= windowBytes) this.#options.wire.pause('window');
  }

  #end({ bytes }: Frame): void {
    this.#unsettled -= 1;
    this.#unsettledBytes -= bytes.length;
    const { window, windowBytes } = PROTOCOL_LIMITS;
    if (this.#unsettled * 2 <= window && this.#unsettledBytes * 2 <= windowBytes) this.#options.wire.resume('window');
  }
}
