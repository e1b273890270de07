// One peer that speaks pmc.v1, over one connection: hello and welcome, then events in and acknowledgements out. It promises that
// an event is acknowledged only when all in-sync replicas have it, that whatever is not taken is said to be refused, with a
// code, and that a peer which sends faster than the log takes is slowed down, never dropped.
//
//   waiting ──hello──► greeting ──welcome──► open ──drain──► draining ──► closed
//      └ anything else: error 106, close 4503          a hello while open begins another epoch
import {
  type CloseName,
  PROTOCOL_ERROR,
  PROTOCOL_LIMITS,
  type ProtocolErrorName,
} from '../../schemas/protocol/codes.ts';
import type { GatewayFrame, Hello } from '../../schemas/protocol/frames.ts';
import { pause } from '../../service/backoff.ts';
import { describeError, isRetriable } from '../../service/errors.ts';
import type { Admit, Granted, Refused } from './admission.ts';
import { ControlFrames, type Controlled } from './control-frames.ts';
import { dispatchEvent } from './dispatch-frame.ts';
import { EarlyFrames } from './early-frames.ts';
import type { Complain } from './event-answers.ts';
import { EventIntake } from './event-intake.ts';
import { helloProblem } from './hello-problem.ts';
import type { Origin } from './ingest.ts';
import { OpenStreams } from './open-streams.ts';
import { PacedReading } from './paced-reading.ts';
import { type Frame, parseFrame } from './parse-frame.ts';
import type { Delivery } from './receiver.ts';
import type { SeqRange } from './seq-gaps.ts';
import type { SessionDeps, SessionOptions } from './session-options.ts';
import type { Speaker } from './streams.ts';
import { welcomeFrame } from './welcome.ts';
import type { Wire } from './wire.ts';

const DRAIN_RECONNECT_MS = 1_000;
const COME_BACK_MS = 2_000;
const SETTLE_MS = 4_000;
const SETTLED_POLL_MS = 20;

type Phase = 'waiting' | 'greeting' | 'open' | 'draining' | 'closed';

export class Session implements Speaker, Controlled {
  readonly wire: Wire;
  readonly open: OpenStreams;
  readonly #deps: SessionDeps;
  readonly #connection: string;
  readonly #admit: Admit;
  readonly #controls: ControlFrames;
  readonly #helloByMs: number;
  readonly #early = new EarlyFrames();
  #phase: Phase = 'waiting';
  #admission: Granted | undefined;
  #intake: EventIntake | undefined;
  #reading: PacedReading | undefined;
  #isWelcomed = false;
  /** Since the stream's account last looked. */
  #hasHeard = false;

  constructor({ deps, wire, connection, admit }: SessionOptions) {
    this.wire = wire;
    this.#deps = deps;
    this.#connection = connection;
    this.#admit = admit;
    this.#helloByMs = deps.steady.nowMs() + PROTOCOL_LIMITS.helloMs;
    this.open = new OpenStreams(deps, this);
    this.#controls = new ControlFrames(this, deps);
  }

  get source(): string | undefined {
    return this.#admission?.source;
  }

  get tokenId(): string | undefined {
    return this.#admission?.tokenId;
  }

  /** Undefined before its first hello was taken. */
  get stream(): string | undefined {
    return this.open.state?.stream;
  }

  /** Whether all that was taken has been answered. */
  get isSettled(): boolean {
    return this.#intake === undefined || this.#intake.unsettled === 0;
  }

  receive(frame: Frame): void {
    if (this.wire.isClosing) return this.#deps.metrics.framesLeft.inc();
    switch (this.#phase) {
      case 'waiting':
        return this.#first(frame);
      case 'greeting':
        if (!this.#early.hold(frame)) this.#refuse('protocolOrder', EarlyFrames.bound);
        return;
      case 'open':
      case 'draining':
        this.#hasHeard = true;
        return this.#take(frame);
      case 'closed':
        return this.#deps.metrics.framesLeft.inc();
    }
  }

  closed(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    const { downward, streams } = this.#deps;
    downward.detach(this);
    if (this.open.state !== undefined) streams.leave(this.open.state, this);
    // What had come early was not looked at: it is sent again.
    this.#deps.metrics.framesLeft.inc(this.#early.take().length);
  }

  /** About once a second. */
  tick(nowMs: number): void {
    const { wire } = this;
    wire.tick(nowMs);
    if (this.#phase === 'waiting' && nowMs >= this.#helloByMs) wire.close('helloTimeout');
    if (wire.bufferedBytes > PROTOCOL_LIMITS.outgoingBytes) wire.close('slowReader');
    this.#intake?.tick(nowMs);
  }

  /** Nothing new is read; what was read is answered. */
  #drain(): void {
    if (this.#phase === 'open') this.send({ op: 'drain', reconnect_ms: DRAIN_RECONNECT_MS });
    if (this.#phase !== 'closed') this.#phase = 'draining';
    this.wire.pause('drain');
  }

  /** As a source that is let go: drain, and resolve when all that was taken is answered, or nobody waits any longer. */
  async drained(): Promise<void> {
    this.#drain();
    const untilMs = performance.now() + SETTLE_MS;
    while (!this.isSettled && performance.now() < untilMs) await pause(SETTLED_POLL_MS);
    this.open.flush();
  }

  // As the speaker of its stream. Before the welcome nothing is said; the welcome says up to where all is settled.

  askAgain(epoch: string, range: SeqRange): void {
    if (this.#isWelcomed) this.send({ op: 'resend', epoch, ...range });
  }

  moved(epoch: string): void {
    if (this.#isWelcomed) this.open.of(epoch)?.acks.due();
  }

  settled(...[epoch, name, outcome]: Parameters<Speaker['settled']>): void {
    if (this.#isWelcomed) this.#intake?.answer(epoch, name, outcome);
  }

  replaced(): void {
    this.wire.close('replaced');
  }

  wasUnread(): boolean {
    const hasHeard = this.#hasHeard;
    this.#hasHeard = false;
    return !hasHeard && this.wire.isPaused;
  }

  logUnavailable(retryMs: number): void {
    if (this.#phase === 'open') this.error('logUnavailable', 'the log does not answer', { retry_after_ms: retryMs });
  }

  /** Where we keep its position, it moves only when the socket has taken the dispatch. */
  deliver({ dispatch, logEpoch, position }: Delivery): boolean | Promise<boolean> {
    const event = dispatchEvent(dispatch);
    const frame: GatewayFrame = { op: 'deliver', log_epoch: logEpoch, pos: position(), event };
    if (this.#admission?.isDialled === true) return this.wire.sendTaken(JSON.stringify(frame));
    this.send(frame);
    return this.wire.isOpen;
  }

  get canTake(): boolean {
    return this.#phase === 'open' && this.wire.bufferedBytes < PROTOCOL_LIMITS.outgoingBytes / 2;
  }

  error(...[name, reason, more]: Parameters<Complain>): void {
    const { code, isTemporary } = PROTOCOL_ERROR[name];
    this.send({ op: 'error', code, temporary: isTemporary, reason, ...more });
  }

  #first(frame: Frame): void {
    const parsed = parseFrame(frame);
    if (!parsed.ok || parsed.fields['op'] !== 'hello') {
      this.#controls.refused(undefined, 'protocolOrder');
      return this.#refuse('protocolOrder', 'the first frame is hello');
    }
    if (!this.#controls.take(parsed.fields, undefined)) this.wire.close('protocol');
  }

  #take(frame: Frame): void {
    this.#reading?.took();
    const parsed = parseFrame(frame);
    if (parsed.ok && parsed.fields['event'] === undefined && parsed.fields['op'] !== undefined) {
      this.#controls.take(parsed.fields, this.#intake);
    } else this.#intake?.take(frame, parsed);
  }

  hello(hello: Hello): void {
    if (this.#phase === 'draining') return this.#deps.metrics.framesLeft.inc();
    const problem = helloProblem(hello, this.stream);
    if (problem !== undefined) return this.#refuseHello(problem);
    this.#phase = 'greeting';
    void this.#admitted(hello);
  }

  async #admitted(hello: Hello): Promise<void> {
    const admission = this.#admission ?? (await this.#admit(hello));
    if (!admission.ok) return this.#refuseHello(admission);
    this.#controls.taken('hello');
    this.#admission = admission;
    if (this.#isGone) return;
    this.#reading ??= PacedReading.of(this.wire, admission.pausedAt, this.#deps.steady);
    await this.#greet(hello, admission);
  }

  async #greet(hello: Hello, admission: Granted): Promise<void> {
    const { streams, ingest, logger, clock, gatewayEpoch, onStream, downward, isLogAway } = this.#deps;
    const { wire } = this;
    const connection = this.#connection;
    const { source } = admission;
    const isFirst = !this.#isWelcomed;
    try {
      downward.assertOpen();
      const { stream, epoch } = hello;
      const out = hello.resume?.out;
      // Who gives no number, or one of another epoch, has given out none in this one.
      const used: { seq: number; acked?: number | undefined } = out?.epoch === epoch ? out : { seq: 0 };
      const opened = await streams.open({ source, stream, epoch }, used, this);
      if (this.#isGone) return streams.leave(opened.state, this);
      if (opened.ended !== undefined) onStream('closed', source, stream, opened.ended);
      if (opened.isNewEpoch) onStream('opened', source, stream, epoch);
      this.open.enter(opened.state);
      this.#intake ??= this.#newIntake({ source, connection }, admission);
      this.#intake.speaks(stream, epoch);
      const position = isFirst
        ? await downward.attach(this, source, hello.resume?.in, admission.isDialled)
        : downward.position(this);
      // It may have left meanwhile.
      if (this.#isGone) return downward.detach(this);
      // Nothing else bounds what those bring along that come, bring it and go, again and again.
      if (!this.#early.isEmpty) ingest.assertRoom();
      const { account } = opened;
      const nowMs = clock.nowMs();
      this.send(welcomeFrame({ session: connection, gatewayEpoch, nowMs, account, granted: admission, position }));
      this.#isWelcomed = true;
      wire.welcomed();
      // The answers to these may have been lost with the connection before.
      for (const [seq, outcome] of used.acked === undefined ? [] : this.open.toTell(epoch, used.acked)) {
        this.#intake.answer(epoch, { seq, id: undefined }, outcome);
      }
    } catch (error) {
      // What it is to be told, or given, is on the log.
      if (isRetriable(error)) {
        logger.warn({ source, connection, error: describeError(error) }, 'communicator.session.log-away');
        this.error('logUnavailable', 'the log does not answer; come back', { retry_after_ms: COME_BACK_MS });
        return wire.close('logUnavailable');
      }
      logger.error({ source, connection, error: describeError(error) }, 'communicator.session.greeting-failed');
      this.error('internal', 'the greeting failed; come back');
      return wire.close('internal');
    }
    this.#phase = 'open';
    if (isLogAway()) this.logUnavailable(COME_BACK_MS);
    // One of them may be another hello, which the rest then waits for.
    for (const frame of this.#early.take()) this.receive(frame);
    if (isFirst) downward.begin(this);
  }

  /** Phases change while something is waited for. */
  get #isGone(): boolean {
    return this.#phase === 'closed' || this.#phase === 'draining' || this.wire.isClosing;
  }

  #newIntake(from: Origin, { rate, burst }: Granted): EventIntake {
    const deps = this.#deps;
    const own = rate === null || burst === null ? undefined : { ratePerSecond: rate, burst, common: deps.usersRate };
    return new EventIntake({ deps, wire: this.wire, open: this.open, saying: this, from, rate: own });
  }

  #refuseHello({ error, reason, close }: Refused): void {
    this.#controls.refused('hello', error);
    this.#refuse(error, reason, close);
  }

  #refuse(name: ProtocolErrorName, reason: string, close: CloseName = 'protocol'): void {
    this.error(name, reason);
    this.wire.close(close);
  }

  send(frame: GatewayFrame): void {
    if (frame.op === 'pong') this.open.flush();
    const { wire } = this;
    // Whoever asks and asks and reads nothing must not fill our memory before the next tick.
    if (wire.bufferedBytes > PROTOCOL_LIMITS.outgoingBytes) return wire.close('slowReader');
    wire.send(JSON.stringify(frame));
  }
}
