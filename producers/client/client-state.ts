// The state of a client of pmc.v1: an outbox, an inbox, and the connection between them and the gateway. Pure: what happens comes in
// with its time, what is to be done out of `take`, what is to be durable out of `takeBatch`. It says nothing that is not durable here.
import { CLOSE, PROTOCOL_ERROR, PROTOCOL_LIMITS, PROTOCOL_VERSION } from '../../schemas/protocol/codes.ts';
import type { PeerFrame } from '../../schemas/protocol/frames.ts';
import { PmcError } from '../../service/errors.ts';
import type { Action, Batch, Notice } from './actions.ts';
import { type EventContext, type EventText, eventText } from './event-text.ts';
import { Flow } from './flow.ts';
import { type GatewayFrame, type Nack, readGatewayFrame, type Welcome } from './gateway-frames.ts';
import { Inbox } from './inbox.ts';
import type { Counter, Kept } from './kept.ts';
import { LinkState } from './link-state.ts';
import { Outbox } from './outbox.ts';
import type { Outcome } from './outcome.ts';
import { backoffMs } from './reconnection.ts';

/** Where the gateway refuses for now and does not say for how long. */
const PAUSE_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface ClientStateOptions {
  readonly kept: Kept;
  readonly counter: Counter;
  readonly newEpoch: () => string;
  /** In [0, 1). */
  readonly random: () => number;
}

export type Offered = { readonly ok: true; readonly ticket: number } | Extract<EventText, { ok: false }>;

export class ClientState {
  readonly #options: ClientStateOptions;
  readonly #changes = new Map<string, string | undefined>();
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  #actions: Action[] = [];
  readonly #link = new LinkState();
  readonly #flow = new Flow();
  #handAtMs = NEVER;
  #handlingFailures = 0;
  #isBehind = false;
  #lastError = '';

  constructor(options: ClientStateOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.counter, options.kept.events, this.#changes);
    this.#inbox = new Inbox(options.kept, this.#changes);
  }

  get status() {
    return { phase: this.#link.phase, ...this.#outbox.status, toHandle: this.#inbox.open };
  }

  /** Takes an event, or says why it cannot be one. */
  offer(event: unknown, missing: EventContext['missing'], nowMs: number): Offered {
    const read = eventText(event, { limits: this.#flow.eventLimits, place: this.#outbox.nextPlace, missing });
    if (!read.ok) return read;
    const ticket = this.#outbox.add(read.id, read.text);
    this.#go(nowMs);
    return { ok: true, ticket };
  }

  start(nowMs: number): void {
    this.#dial(nowMs);
    this.#go(nowMs);
  }

  opened(token: string | undefined, nowMs: number): void {
    if (this.#link.phase !== 'dialling') return;
    const { stream, epoch, durable, acked } = this.#outbox;
    const { position } = this.#inbox;
    const resume = { out: { epoch, seq: durable, acked }, ...(position && { in: position }) };
    this.#say({ op: 'hello', v: PROTOCOL_VERSION, stream, epoch, ...(token !== undefined && { token }), resume });
    this.#link.greet(nowMs);
  }

  received(data: unknown, nowMs: number): void {
    if (!this.#link.isUp) return;
    this.#link.heard(nowMs);
    const read = readGatewayFrame(data);
    if (read.ok) this.#understand(read.frame, nowMs);
    else this.#notice({ notice: 'ignored-frame', reason: read.reason });
    this.#go(nowMs);
  }

  /** The socket has closed, failed to open, or was given up. */
  closed({ code, reason }: { readonly code: number; readonly reason: string }, nowMs: number): void {
    if (!this.#link.isUp) return;
    const next = this.#link.closed(code, this.#options.random(), nowMs);
    if (next.do === 'come-back') {
      this.#notice({ notice: 'disconnected', code, reason, againInMs: next.afterMs });
      return;
    }
    const name = next.isUnauthorised ? 'PMC_CLIENT_UNAUTHORISED' : 'PMC_CLIENT_ENDED';
    const why = [`${code} ${reason}`.trim(), ...(this.#lastError === '' ? [] : [this.#lastError])].join('; ');
    this.end(new PmcError(name, `the gateway has ended the connection for good: ${why}`, { closeCode: code, reason }));
  }

  /** A batch is durable. */
  stored({ sent, inbox }: Batch, nowMs: number): void {
    this.#outbox.stored(sent);
    this.#inbox.durable(inbox);
    this.#go(nowMs);
  }

  handled(nowMs: number): void {
    this.#inbox.handled();
    this.#handlingFailures = 0;
    this.#go(nowMs);
  }

  handlingFailed(error: unknown, nowMs: number): void {
    this.#inbox.failed();
    this.#handlingFailures += 1;
    const againInMs = backoffMs(this.#handlingFailures, this.#options.random());
    this.#handAtMs = nowMs + againInMs;
    this.#notice({ notice: 'handling-failed', error, againInMs });
  }

  tick(nowMs: number): void {
    const due = this.#link.due(nowMs);
    if (due?.do === 'dial') this.#dial(nowMs);
    else if (due?.do === 'ask') this.#ask(nowMs);
    else if (due?.do === 'drop') this.#drop(CLOSE.noPong.code, due.reason, nowMs);
    this.#go(nowMs);
  }

  /** Nothing is sent or received any more; what is kept stays in the store. */
  end(error: PmcError): void {
    if (this.#link.phase === 'ended') return;
    this.#actions.push({ do: 'hang-up', code: 1_000, reason: '' }, { do: 'end', error });
    this.#link.end();
  }

  take(): readonly Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  takeBatch(): Batch | undefined {
    if (this.#changes.size === 0) return undefined;
    const changes = new Map(this.#changes);
    this.#changes.clear();
    return { changes, sent: { epoch: this.#outbox.epoch, seq: this.#outbox.last }, inbox: this.#inbox.marks };
  }

  /** When `tick` will have something to do. */
  get dueMs(): number {
    return this.#link.phase === 'ended' ? NEVER : Math.min(this.#link.dueMs, this.#flow.sendAtMs, this.#handAtMs);
  }

  #dial(nowMs: number): void {
    this.#lastError = '';
    this.#isBehind = false;
    this.#actions.push({ do: 'dial' });
    this.#link.dial(nowMs);
  }

  #drop(code: number, reason: string, nowMs: number): void {
    this.#actions.push({ do: 'hang-up', code, reason });
    this.closed({ code, reason }, nowMs);
  }

  #understand(frame: GatewayFrame, nowMs: number): void {
    if (frame.op === 'welcome') {
      if (this.#link.phase === 'greeting') this.#welcomed(frame, nowMs);
      return;
    }
    if (frame.op === 'error') {
      const { code, reason, isTemporary, ref } = frame;
      this.#lastError = `error ${code} ${reason}`;
      this.#flow.complained(frame, nowMs);
      this.#notice({ notice: 'gateway-error', code, reason, isTemporary, id: this.#outbox.idOf(ref) });
      return;
    }
    if (!this.#link.isWelcome) return;
    switch (frame.op) {
      case 'ack':
        this.#tell(this.#outbox.acknowledge(frame));
        break;
      case 'nack':
        this.#refused(frame, nowMs);
        break;
      case 'resend': {
        const { epoch } = frame;
        for (const range of this.#outbox.askedAgain(epoch, frame)) {
          this.#say({ op: 'unavailable', epoch, ...range });
          this.#notice({ notice: 'unavailable', ...range });
        }
        break;
      }
      case 'deliver':
        this.#delivered(frame);
        break;
      case 'drain':
        this.#link.drain(frame.reconnectMs, nowMs);
        this.#notice({ notice: 'draining', reconnectMs: frame.reconnectMs });
        break;
      case 'ping':
        this.#say({ op: 'pong', t: frame.t });
        break;
      case 'pong':
        if (typeof frame.t === 'number') this.#inbox.confirmed(frame.t);
        this.#tell(this.#outbox.settleDoubts());
        break;
    }
  }

  #welcomed({ session, last, in: down, limits, pingMs }: Welcome, nowMs: number): void {
    if (last !== undefined && this.#outbox.isBehind(last)) {
      const epoch = this.#options.newEpoch();
      this.#tell(this.#outbox.begin(epoch));
      const why = `the gateway has number ${last.seq} of this stream, which this store has never given out`;
      this.#notice({ notice: 'epoch-begun', epoch, why });
      this.#drop(1_000, 'another epoch', nowMs);
      return;
    }
    this.#flow.welcome(limits, nowMs);
    this.#link.welcome(pingMs ?? PROTOCOL_LIMITS.pingMs, nowMs);
    this.#notice({ notice: 'connected', session, epoch: this.#outbox.epoch });
    const reason = down.reason ?? 'the gateway gives no reason';
    if (this.#inbox.position !== undefined && !down.isRecovered) this.#notice({ notice: 'position-lost', reason });
    this.#inbox.connected(down);
    this.#outbox.resume(last);
    if (this.#outbox.hasDoubts) this.#ask(nowMs);
  }

  #delivered(frame: Extract<GatewayFrame, { op: 'deliver' }>): void {
    // What does not fit now would leave a hole behind it: nothing more until all is handled.
    if (this.#isBehind) return;
    this.#isBehind = this.#inbox.receive(frame) === 'no-room';
    if (this.#isBehind) this.#notice({ notice: 'handling-behind' });
    else this.#link.progress();
  }

  #refused({ key, epoch, code, reason, retryAfterMs }: Nack, nowMs: number): void {
    if (epoch !== undefined && epoch !== this.#outbox.epoch) return;
    const id = this.#outbox.idOf(key);
    const meaning = Object.values(PROTOCOL_ERROR).find((one) => one.code === code);
    if (meaning !== undefined && 'isWarning' in meaning) {
      this.#notice({ notice: 'warning', id, code, reason });
    } else if (meaning?.isTemporary === true || retryAfterMs !== undefined) {
      if (key !== undefined) this.#outbox.again(key);
      this.#flow.pause(nowMs + (retryAfterMs ?? PAUSE_MS));
      this.#notice({ notice: 'gateway-error', code, reason, isTemporary: true, id });
    } else if (key !== undefined) {
      this.#tell(this.#outbox.refuse(key, code, reason));
    } else this.#notice({ notice: 'gateway-error', code, reason, isTemporary: false, id });
  }

  #tell(outcomes: readonly Outcome[]): void {
    if (outcomes.length > 0) this.#link.progress();
    for (const outcome of outcomes) this.#actions.push({ do: 'tell', outcome });
  }

  /** Everything that may go on now. */
  #go(nowMs: number): void {
    if (this.#link.phase === 'ended') return;
    if (nowMs >= this.#handAtMs) this.#handAtMs = NEVER;
    if (this.#handAtMs === NEVER) {
      const dispatch = this.#inbox.next();
      if (dispatch !== undefined) this.#actions.push({ do: 'hand', dispatch });
    }
    this.#flow.rest();
    if (!this.#link.isWelcome) return;
    this.#answer(nowMs);
    if (this.#link.phase === 'live' && this.#inbox.isAnchored)
      for (const text of this.#flow.take(this.#outbox, nowMs)) this.#actions.push({ do: 'say', text });
    if (this.#isBehind && this.#inbox.open === 0) this.#drop(1_000, 'handled what was kept', nowMs);
  }

  #answer(nowMs: number): void {
    const ids = this.#inbox.toSay();
    if (ids.length > 0) {
      this.#say({ op: 'ack', ids: [...ids] });
      // Its answer says that the acknowledgement has arrived.
      this.#ask(nowMs);
    }
    const n = this.#isBehind ? 0 : this.#inbox.takeCredit(this.#flow.credit);
    if (n > 0) this.#say({ op: 'credit', n });
  }

  #ask(nowMs: number): void {
    this.#link.asked(nowMs);
    this.#say({ op: 'ping', t: this.#inbox.said });
  }

  #say(frame: PeerFrame): void {
    this.#actions.push({ do: 'say', text: JSON.stringify(frame) });
  }

  #notice(notice: Notice): void {
    this.#actions.push({ do: 'notice', notice });
  }
}
