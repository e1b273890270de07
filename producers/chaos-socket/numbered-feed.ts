// A source that counts its events, in pmc.v1: every event gets a number and is kept until the peer has acknowledged it,
// across connections. The newest connection is the one that counts; an older one is closed.
//
//   connected: hello ──► welcome: resume, then events in a window ──► acks, nacks, resends; replies are acknowledged
//   nobody connected: events are kept, until the memory is full and the source takes no more
import { CLOSE, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import type { Outgoing } from './connections.ts';
import { hello, isTemporary, numbered, numbersOf, type ReceivedControl, unavailable } from './control-frames.ts';
import { AT_ONCE, type Delivery, type LinkAction } from './delivery.ts';
import type { Struck } from './fault-desk.ts';
import type { Feed, OfferedAs } from './feed.ts';
import type { Ledger } from './ledger.ts';
import type { Link } from './link.ts';
import type { ChaosMetrics } from './metrics.ts';
import { NumberedStream } from './numbered-stream.ts';
import { Replies } from './replies.ts';
import { withhold } from './withheld.ts';

const KEPT_MAX = 10_000;
const LOOK_AGAIN_MS = 100;
/** Until the welcome says another window. */
const { window: WINDOW, helloMs: WELCOME_WITHIN_MS } = PROTOCOL_LIMITS;

export interface NumberedFeedOptions {
  readonly source: string;
  readonly stream: number;
  /** The name of the stream, and a maker of epochs. */
  readonly streamName: string;
  readonly newEpoch: () => string;
  readonly ledger: Pick<Ledger, 'note'>;
  readonly metrics: Pick<ChaosMetrics, 'countWithheld' | 'countNotSent'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly refuse: (source: string, forMs: number) => void;
}

export class NumberedFeed implements Feed {
  readonly name: string;
  readonly source: string;
  readonly stream: number;
  readonly isNumbered = true;
  readonly #options: NumberedFeedOptions;
  readonly #events: NumberedStream<Outgoing>;
  readonly #replies: Replies;
  readonly #retries = new Set<NodeJS.Timeout>();
  #halted: NodeJS.Timeout | undefined;
  #link: Link | undefined;
  #isWelcome = false;
  #greeting: NodeJS.Timeout | undefined;
  #window: number = WINDOW;
  #tail: { left: number; readonly firing: number | undefined } | undefined;
  /** The fault that stepped the counter back last. */
  #steppedBackBy: number | undefined;
  #acksToLose = 0;
  #acksToDoubt = 0;
  #resetsAtAck = false;

  constructor(options: NumberedFeedOptions) {
    this.#options = options;
    this.source = options.source;
    this.stream = options.stream;
    this.name = options.source;
    this.#events = new NumberedStream({ stream: options.streamName, epoch: options.newEpoch(), keptMax: KEPT_MAX });
    this.#replies = new Replies(options);
  }

  get status() {
    const { stream, epoch, lastSeq, kept } = this.#events;
    return { stream, epoch, lastSeq, kept, isWelcome: this.#isWelcome, unheard: this.#replies.open };
  }

  connected(link: Link): void {
    this.#link?.act({ do: 'close', code: CLOSE.replaced.code });
    this.#link = link;
    link.onUnsent = (frame) => this.#unsent(frame, link);
    this.#isWelcome = false;
    this.#replies.connected();
    const { stream, epoch, lastSeq } = this.#events;
    link.control(hello({ stream, epoch, seq: lastSeq }, this.#replies.position));
    clearTimeout(this.#greeting);
    this.#greeting = setTimeout(() => link.act({ do: 'close', code: CLOSE.helloTimeout.code }), WELCOME_WITHIN_MS);
  }

  disconnected(link: Link): void {
    if (this.#link !== link) return;
    this.stop();
    this.#link = undefined;
    this.#isWelcome = false;
    this.#resetsAtAck = false;
  }

  stop(): void {
    clearTimeout(this.#greeting);
    clearTimeout(this.#halted);
    this.#halted = undefined;
    for (const timer of this.#retries) clearTimeout(timer);
    this.#retries.clear();
  }

  offer({ deliveries, actions, firing }: Struck, as: OfferedAs): void {
    let own: ReturnType<NumberedStream<Outgoing>['number']> | undefined;
    for (const delivery of deliveries) {
      if (delivery.isRetained && !this.#events.hasRoom) {
        this.#options.metrics.countNotSent('unacknowledged');
        continue;
      }
      let number: typeof own;
      if (delivery.numbering === 'own') number = own ??= this.#events.number();
      else if (delivery.numbering === 'new') number = this.#events.number();
      this.#deliver(delivery, number, firing, as);
    }
    // First what was to go, then what happens to the connection or to the counter.
    this.#pump();
    for (const action of actions) this.#act(action, firing);
  }

  receive(frame: ReceivedControl, link: Link): void {
    if (link !== this.#link) return;
    switch (frame.op) {
      case 'welcome':
        clearTimeout(this.#greeting);
        this.#window = frame.limits?.window ?? WINDOW;
        this.#isWelcome = true;
        this.#events.resume(frame.last ?? undefined);
        this.#replies.goOnAt(frame.in);
        break;
      case 'ack':
        this.#acknowledged(frame);
        break;
      case 'nack':
        this.#refused(frame);
        break;
      case 'resend':
        for (const range of this.#events.askedAgain(frame.epoch, frame)) link.control(unavailable(frame.epoch, range));
        break;
      case 'deliver':
        this.#replies.delivered(frame, link);
        break;
      case 'pong':
        this.#replies.heard(frame.t, link);
        break;
      case 'ping':
        link.control(JSON.stringify({ op: 'pong', t: frame.t }));
        break;
    }
    this.#pump();
  }

  #deliver(
    delivery: Delivery,
    number: { seq: number; isRepeated: boolean } | undefined,
    firing: number | undefined,
    { origin, dueAtMs }: OfferedAs,
  ): void {
    const place = number && { stream: this.#events.stream, epoch: this.#events.epoch, seq: number.seq };
    const text = place && numbered(delivery.data, place);
    const isRepeated = number?.isRepeated === true;
    const frame: Outgoing = {
      ...delivery,
      data: text ?? delivery.data,
      place: text === undefined ? undefined : place,
      expect: isRepeated ? 'conflict' : delivery.expect,
      // Numbers come again until the counter is where it was, whatever else strikes meanwhile, or nothing.
      firing: firing ?? (isRepeated ? this.#steppedBackBy : undefined),
      origin,
      dueAtMs,
    };
    const tail = this.#tail;
    const isWithheld = !delivery.isSent || tail !== undefined;
    if (isWithheld) {
      const by = { source: this.source, firing: tail?.firing ?? firing, recoverable: delivery.isRetained };
      withhold(frame, by, this.#options);
    }
    const isLater = 'behindFrames' in delivery.release || delivery.release.afterMs > 0;
    const isKept = delivery.isRetained && number !== undefined && text !== undefined;
    // What is to go out later goes by its own clock; should the connection break first, it goes with the resume.
    const isNotNow = isWithheld || isLater || origin === 'early';
    const unsent = isKept ? this.#events.keep(number.seq, frame, { isWithheld: isNotNow }) : 0;
    this.#options.metrics.countNotSent('forgotten', unsent);
    if (!isWithheld && (isLater || !isKept || origin === 'early')) this.#put(frame, delivery);
    if (tail === undefined || --tail.left > 0) return;
    this.#tail = undefined;
    this.#link?.act({ do: 'reset' });
  }

  #put(frame: Outgoing, { release }: Pick<Delivery, 'release'>): void {
    if (this.#link === undefined) this.#options.metrics.countNotSent('closed');
    else this.#link.put(frame, release);
  }

  #pump(): void {
    const link = this.#link;
    if (link === undefined || !this.#isWelcome || !link.isOpen || !this.#mayGoOn(link)) return;
    this.#replies.acknowledge(link);
    for (const { frame } of this.#events.next(this.#window)) {
      link.put(frame, AT_ONCE);
      if (!this.#mayGoOn(link)) return;
    }
  }

  #mayGoOn(link: Link): boolean {
    if (!link.canTake) this.#halt();
    return this.#halted === undefined;
  }

  /** The peer does not read, or the disk is full: nothing is lost by waiting, and it goes on where it was. */
  #halt(): void {
    this.#halted ??= setTimeout(() => {
      this.#halted = undefined;
      this.#pump();
    }, LOOK_AGAIN_MS);
  }

  /** A frame that could not go after all waits for its turn again; with a new connection it does so anyway. */
  #unsent({ place }: Outgoing, link: Link): void {
    if (link !== this.#link || !link.isOpen || place?.epoch !== this.#events.epoch) return;
    this.#events.again(place.seq);
    this.#halt();
  }

  #acknowledged(frame: Extract<ReceivedControl, { op: 'ack' }>): void {
    const { ledger, clock } = this.#options;
    const { epoch, upto } = frame;
    const numbers = numbersOf(frame);
    // The peer has said it, whatever this source is about to make of it.
    const about = { stream: this.#events.stream, epoch, upto, at: numbers.length === 0 ? undefined : numbers };
    ledger.note({ line: 'acked', ...about }, clock.nowMs());
    if (this.#resetsAtAck) {
      this.#link?.act({ do: 'reset' });
    } else if (this.#acksToLose > 0) this.#acksToLose--;
    else if (this.#acksToDoubt > 0) {
      this.#acksToDoubt--;
      for (const seq of numbers) this.#events.again(seq);
      this.#events.againUpTo(upto ?? 0);
    } else this.#events.acknowledge(epoch, upto ?? 0, numbers);
  }

  #refused(frame: Extract<ReceivedControl, { op: 'nack' }>): void {
    const { seq, code, retry_after_ms: retryAfterMs = 0 } = frame;
    if (seq === undefined) return;
    const { epoch: current, stream } = this.#events;
    const { epoch = current } = frame;
    if (isTemporary(frame)) {
      if (epoch !== current) return;
      const timer = setTimeout(() => {
        this.#retries.delete(timer);
        if (this.#events.epoch === epoch) this.#events.again(seq);
        this.#pump();
      }, retryAfterMs);
      this.#retries.add(timer);
      return;
    }
    this.#options.ledger.note({ line: 'refused', stream, epoch, seq, code }, this.#options.clock.nowMs());
    this.#events.acknowledge(epoch, 0, [seq]);
  }

  #act(action: LinkAction, firing: number | undefined): void {
    switch (action.do) {
      case 'drop-tail':
        this.#tail = { left: action.frames, firing };
        return;
      case 'refuse':
        this.#options.refuse(this.source, action.forMs);
        return;
      case 'new-epoch': {
        const { forgotten, unsent } = this.#events.begin(this.#options.newEpoch());
        this.#options.metrics.countNotSent('forgotten', unsent);
        this.#options.logger.info({ source: this.source, forgotten, unsent }, 'chaos.stream.epoch-begun');
        const { stream, epoch, lastSeq } = this.#events;
        this.#link?.control(hello({ stream, epoch, seq: lastSeq }, this.#replies.position));
        return;
      }
      case 'step-back':
        this.#events.stepBack(action.by);
        this.#steppedBackBy = firing;
        return;
      case 'lose-acks':
        this.#acksToLose += action.acks;
        return;
      case 'doubt-acks':
        this.#acksToDoubt += action.acks;
        return;
      case 'reset-at-ack':
        this.#resetsAtAck = true;
        return;
      case 'hold':
      case 'go-dark':
      case 'stop-reading':
      case 'trickle':
      case 'reset':
      case 'close':
        this.#link?.act(action);
        return;
    }
  }
}
