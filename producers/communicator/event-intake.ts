// The events of one session on their way to the log: which are new, which come again, which are refused for now or for good.
// A window of events without an answer bounds what a peer can have here; at its end the socket is not read any more.
import { type CloseName, PROTOCOL_ERROR, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { SETTLED_ELSEWHERE } from '../../schemas/settled-elsewhere.ts';
import { kindOf, sha256 } from './envelope.ts';
import { EventAnswers, type Named, type Saying } from './event-answers.ts';
import { eventProblem, isPassing, standingOf, standingProblem } from './event-frame.ts';
import type { EventName } from './event-name.ts';
import type { Origin } from './ingest.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Frame, Parsed, Refusal } from './parse-frame.ts';
import { PeerRate, type Rate, type Refusing } from './peer-rate.ts';
import type { Outcome } from './recent-events.ts';
import { ReplyEvidence } from './reply-evidence.ts';
import { GAPS_MAX } from './seq-gaps.ts';
import type { SessionDeps } from './session-options.ts';
import type { Arrival } from './stream-account.ts';
import type { Wire } from './wire.ts';

export interface EventIntakeOptions {
  readonly deps: Pick<SessionDeps, 'ingest' | 'streams' | 'steady'>;
  readonly from: Origin;
  readonly wire: Wire;
  readonly open: OpenStreams;
  readonly saying: Saying;
  readonly rate: Rate | undefined;
}

interface Numbered extends Named {
  readonly seq: number;
}

const REF_MAX = 64;
const RETRY_MAX_MS = 30_000;

export class EventIntake {
  readonly #options: EventIntakeOptions;
  readonly #rate: PeerRate;
  readonly #answers: EventAnswers;
  /** Most peers never say anything of this kind. */
  #evidence: ReplyEvidence | undefined;
  #stream = '';
  #epoch = '';
  #unsettled = 0;
  #unsettledBytes = 0;

  constructor(options: EventIntakeOptions) {
    this.#options = options;
    this.#rate = new PeerRate(options.rate, Math.random);
    this.#answers = new EventAnswers(options.saying, options.deps.steady);
  }

  get evidence(): ReplyEvidence {
    const { from, saying, deps } = this.#options;
    const { ingest, steady } = deps;
    this.#evidence ??= new ReplyEvidence({
      ...{ from, ingest, saying, clock: steady },
      isAllowed: () => this.#rate.wait('handled', steady.nowMs()) === undefined,
      begin: (sizeBytes) => this.#begin(sizeBytes),
      end: (sizeBytes) => this.#end(sizeBytes),
    });
    return this.#evidence;
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
    const open = this.#options.open.of(standing.epoch ?? this.#epoch);
    const session = { stream: this.#stream, isAnnounced: open !== undefined };
    const refusal = parsed.ok
      ? (standingProblem(standing, session) ?? eventProblem(parsed.fields, frame.bytes.length))
      : parsed.refusal;
    const known = open ?? this.#options.open.of(this.#epoch);
    if (known === undefined) throw new Error('an event before its session was open');
    const nowMs = this.#options.deps.steady.nowMs();
    const { stream = this.#stream, id } = standing;
    // A number of another stream or epoch is none of this one's: whatever becomes of the event, the number here stays as it is.
    const isOurs = stream === this.#stream;
    const seq = open === undefined || !isOurs ? undefined : standing.seq;
    const ref = isOurs ? undefined : [stream.slice(0, REF_MAX), standing.seq].join('/');
    // Its number must be known before anything is decided, else a refused event would look like a gap.
    const digest = sha256(frame.bytes);
    if (seq === undefined)
      return this.#unnumbered(frame, parsed, refusal, digest, { open: known, seq, id, ref }, nowMs);
    this.#numbered(frame, parsed, refusal, digest, { open: known, seq, id, ref }, nowMs);
  }

  /** Tells the peer what became of an event of its stream, which may have come over a connection before this one. */
  answer(epoch: string, { seq, id }: EventName, outcome: Outcome): void {
    const open = this.#options.open.of(epoch);
    if (open !== undefined) this.#answers.outcome({ open, seq, id }, outcome, false);
  }

  /** One more control frame that costs something of its rate; so many milliseconds to wait where there were too many. */
  controlWaitMs(): number | undefined {
    const nowMs = this.#options.deps.steady.nowMs();
    const refusing = this.#rate.wait('control', nowMs);
    if (refusing !== undefined) this.#rate.over(nowMs);
    return refusing?.waitMs;
  }

  tick(nowMs: number): void {
    if (this.#rate.isAbused(nowMs)) return this.#options.wire.close('rateAbuse');
    this.#evidence?.tick();
  }

  #unnumbered(
    frame: Frame,
    parsed: Parsed,
    refusal: Refusal | undefined,
    digest: string,
    named: Named,
    nowMs: number,
  ): void {
    const refusing = this.#rate.wait(isPassing(parsed) ? 'passing' : 'event', nowMs);
    if (refusing !== undefined) return this.#refuseForNow(named, parsed, refusing, nowMs);
    const sizeBytes = frame.bytes.length;
    this.#append(frame, refusal === undefined ? parsed : { ok: false, refusal }, digest, named, (outcome) => {
      this.#end(sizeBytes);
      this.#answers.outcome(named, outcome, false);
    });
  }

  #numbered(
    frame: Frame,
    parsed: Parsed,
    refusal: Refusal | undefined,
    digest: string,
    named: Numbered,
    nowMs: number,
  ): void {
    const { from, deps } = this.#options;
    const { ingest, streams } = deps;
    const { open, seq } = named;
    const { account, state } = open;
    if (!account.hasRoomFor(seq)) return this.#tooManyGaps('positionMismatch');
    const arrival = account.arrive(seq, digest, nowMs);
    if (arrival.kind === 'duplicate') {
      ingest.settleElsewhere(from, SETTLED_ELSEWHERE.duplicate);
      if (this.#rate.wait('again', nowMs) !== undefined) this.#rate.over(nowMs);
      // Without an outcome it is answered when the first one is.
      if (arrival.outcome !== undefined) this.#answers.outcome(named, arrival.outcome, true);
      return;
    }
    const before = arrival.kind === 'new' ? account.heldBackBy(seq) : undefined;
    if (before !== undefined) return this.#holdBack(named, before, nowMs);
    const refusing = this.#rate.wait(isPassing(parsed) ? 'passing' : 'event', nowMs);
    if (refusing !== undefined)
      return this.#numberedForNow(named, parsed, arrival, frame.bytes.length, refusing, nowMs);
    const opened = account.takeOpened(seq);
    if (opened !== undefined) streams.gap('gap_open', state, account.epoch, opened);
    const isConflict = arrival.kind === 'conflict';
    const sizeBytes = frame.bytes.length;
    this.#append(frame, refusal === undefined ? parsed : { ok: false, refusal }, digest, named, (outcome) => {
      this.#end(sizeBytes);
      if (isConflict) this.#conflicted(named, outcome);
      else this.#settled(named, digest, outcome);
    });
  }

  #settled(named: Numbered, digest: string, outcome: Outcome): void {
    const { streams, steady } = this.#options.deps;
    const { open, seq } = named;
    const { account, state } = open;
    if (outcome.kind === 'nowhere') account.release(seq, steady.nowMs());
    else account.settle(seq, digest, outcome);
    for (const range of account.takeClosed()) streams.gap('gap_closed', state, account.epoch, range);
    // To whoever speaks for the stream by now: this connection may have been replaced meanwhile.
    state.speaker?.settled(account.epoch, named, outcome);
  }

  #numberedForNow(
    named: Numbered,
    parsed: Parsed,
    arrival: Arrival,
    sizeBytes: number,
    refusing: Refusing,
    nowMs: number,
  ): void {
    const { account, state, acks } = named.open;
    if (arrival.kind === 'new' && isPassing(parsed)) {
      this.#begin(sizeBytes);
      this.#options.deps.streams.sampled(state, account, named.seq, () => this.#end(sizeBytes));
      // With another body, the number is on its way with the first.
    } else if (arrival.kind === 'new') account.release(named.seq, nowMs, refusing.waitMs);
    // Settled long ago, as far as anybody knows: nothing else would tell its peer.
    else if (arrival.kind === 'forgotten' && isPassing(parsed)) acks.due();
    this.#refuseForNow(named, parsed, refusing, nowMs);
    if (account.isFull) this.#tooManyGaps('rateAbuse');
  }

  /** One before it was refused for now: it has to come behind that one, or their order would change. */
  #holdBack(named: Numbered, before: number, nowMs: number): void {
    const { deps, from } = this.#options;
    const { account } = named.open;
    account.release(named.seq, nowMs);
    deps.ingest.settleElsewhere(from, SETTLED_ELSEWHERE.refusedForNow);
    // Where it was refused for no fault of its peer's, what follows it is at first none either.
    if (this.#answers.again.isOwnRate || this.#rate.wait('again', nowMs) !== undefined) this.#rate.over(nowMs);
    // When each may pass, if all of them come again in order.
    const ms = Math.max(0, this.#answers.again.atMs - nowMs) + (named.seq - before) * this.#rate.perEventMs;
    const waitMs = Math.max(1, Math.min(Math.ceil(ms), RETRY_MAX_MS));
    this.#answers.comeAgain(named, this.#answers.again.error, `event ${before} has to come again before it`, waitMs);
    if (account.isFull) this.#tooManyGaps('rateAbuse');
  }

  /** The first one alone has the number, and is what an acknowledgement of it means. */
  #conflicted({ seq }: Numbered, outcome: Outcome): void {
    const { saying } = this.#options;
    if (outcome.kind === 'logged')
      return saying.error('idConflict', 'this number came with another body; both are kept', { ref: String(seq) });
    saying.error('idConflict', 'this number came with another body; that one is refused', { ref: String(seq) });
  }

  #tooManyGaps(close: CloseName): void {
    const { saying, wire } = this.#options;
    saying.error('tooManyGaps', `more than ${GAPS_MAX} gaps are open; come back and send all that is not acknowledged`);
    wire.close(close);
  }

  /** `onSettled` has to say that it is over, by `#end`. */
  #append(frame: Frame, parsed: Parsed, digest: string, named: Named, onSettled: (outcome: Outcome) => void): void {
    const { from, deps, saying } = this.#options;
    const { open, seq, id } = named;
    this.#begin(frame.bytes.length);
    const place = seq === undefined ? null : { stream: open.state.stream, streamEpoch: open.account.epoch, seq };
    if (parsed.ok && kindOf(parsed.fields) === 'unknown') {
      saying.error('unknownEvent', 'kept on the log as unknown', { ref: String(seq ?? id ?? '') });
    }
    deps.ingest.receive({ frame, parsed, from, place, sha256: digest, onSettled });
  }

  #refuseForNow(named: Named, parsed: Parsed, { waitMs, isCommon }: Refusing, nowMs: number): void {
    const { from, deps } = this.#options;
    if (isPassing(parsed)) {
      deps.ingest.settleElsewhere(from, SETTLED_ELSEWHERE.sampled);
      this.#rate.over(nowMs);
      const { code } = PROTOCOL_ERROR.rateLimited;
      if (named.seq === undefined)
        this.#answers.refused(named, { code, reason: 'more of these than the rate allows; left out' });
      return;
    }
    deps.ingest.settleElsewhere(from, SETTLED_ELSEWHERE.refusedForNow);
    if (!isCommon) this.#rate.over(nowMs);
    const whose = isCommon ? 'of all users than the gateway takes' : 'than the rate allows';
    this.#answers.notNow(named, 'rateLimited', `more events ${whose}`, waitMs, !isCommon);
  }

  #begin(sizeBytes: number): void {
    this.#unsettled += 1;
    this.#unsettledBytes += sizeBytes;
    const { window, windowBytes } = PROTOCOL_LIMITS;
    if (this.#unsettled >= window || this.#unsettledBytes >= windowBytes) this.#options.wire.pause('window');
  }

  #end(sizeBytes: number): void {
    this.#unsettled -= 1;
    this.#unsettledBytes -= sizeBytes;
    const { window, windowBytes } = PROTOCOL_LIMITS;
    if (this.#unsettled * 2 <= window && this.#unsettledBytes * 2 <= windowBytes) this.#options.wire.resume('window');
  }
}
