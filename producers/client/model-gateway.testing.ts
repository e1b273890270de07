// A gateway as docs/protocol.md describes it, in memory, for tests of a client: it appends, acknowledges, asks again, refuses for a
// while, forgets what it knew at a restart, and delivers. It is told when to misbehave.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';

export interface Appended {
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
  readonly text: string;
}

interface Stream {
  epoch: string;
  /** Everything up to here is settled. */
  upto: number;
  /** Settled beyond it. */
  ahead: Set<number>;
  /** What can still be told from a new event, with its offset. */
  window: Map<number, number>;
}

/** On its way to the log. */
interface Held {
  readonly seq: number;
  readonly id: string;
  readonly text: string;
}

type Fields = Readonly<Record<string, unknown>>;

export class ModelGateway {
  /** Every record, in order; offsets are indices. */
  readonly log: Appended[] = [];
  readonly dispatches: string[] = [];
  readonly acknowledged = new Set<string>();
  readonly hellos: Fields[] = [];
  /** Frames to the peer, in order. */
  down: string[] = [];
  /** As many events are refused for now. */
  refusals = 0;
  /** As many events are appended later than those behind them. */
  holds = 0;
  /** Events that it has asked for and could not get. */
  readonly lost: number[] = [];
  #stream: Stream | undefined;
  #held: Held[] = [];
  #isWelcome = false;
  #credit = 0;
  #next = 0;

  connectionEnded(): void {
    this.down = [];
    this.#isWelcome = false;
  }

  /** What it has in memory is gone; the log says how far it was, or a little less. */
  forget(by: number): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = { ...stream, upto: Math.max(0, stream.upto - by), ahead: new Set(), window: new Map() };
    this.#held = [];
  }

  /** The log has what was held back. */
  release(): void {
    this.holds = 0;
    for (const held of this.#held.splice(0)) this.#append(held);
  }

  /** It knows more of the stream than the peer has ever said, as where a peer's store is an old copy. */
  leap(by: number): void {
    if (this.#stream !== undefined) this.#stream.upto += by;
  }

  receive(text: string): void {
    const frame = JSON.parse(text) as Fields;
    switch (frame['op']) {
      case undefined:
        this.#event(frame, text);
        break;
      case 'hello':
        this.#hello(frame);
        break;
      case 'ack':
        for (const id of frame['ids'] as readonly string[]) this.acknowledged.add(id);
        break;
      case 'credit':
        this.#credit += Number(frame['n']);
        break;
      case 'ping':
        this.#say({ op: 'pong', t: frame['t'] });
        break;
      case 'unavailable':
        for (let seq = Number(frame['from']); seq <= Number(frame['to']); seq++) {
          if (!this.#isSettled(seq)) this.lost.push(seq);
          this.#settle(seq);
        }
        break;
      default:
        break;
    }
    this.#deliver();
  }

  /** Like an answer: only to a peer that has sent something. */
  dispatch(id: string): void {
    if (this.log.length === 0) return;
    this.dispatches.push(id);
    this.#deliver();
  }

  /** Asks again for what it has seen already, for no reason. */
  ask(from: number, count: number): void {
    const epoch = this.#stream?.epoch;
    const to = Math.min(from + count, this.log.findLast((one) => one.epoch === epoch)?.seq ?? 0);
    if (this.#isWelcome && to >= from) this.#say({ op: 'resend', epoch, from, to });
  }

  #hello(frame: Fields): void {
    this.hellos.push(frame);
    const epoch = String(frame['epoch']);
    const { out, in: down } = frame['resume'] as { out: { acked: number }; in?: { pos: Record<string, number> } };
    if (this.#stream?.epoch !== epoch) {
      this.#stream = { epoch, upto: 0, ahead: new Set(), window: new Map() };
      this.#held = [];
    }
    // The peer keeps nothing of what was acknowledged to it.
    this.#stream.upto = Math.max(this.#stream.upto, out.acked);
    this.#isWelcome = true;
    this.#credit = PROTOCOL_LIMITS.credit;
    this.#next = down?.pos['out/0'] ?? this.dispatches.length;
    this.#say({
      op: 'welcome',
      session: 'model',
      last: { epoch, seq: this.#stream.upto },
      in: { recovered: true, log_epoch: 'model', pos: { 'out/0': this.#next } },
      limits: { window: 8, credit: PROTOCOL_LIMITS.credit },
      ping_ms: 25_000,
    });
    this.#repeat(this.#stream, out.acked);
  }

  /** Acknowledgements that a broken connection may have taken. */
  #repeat({ epoch, upto, window }: Stream, acked: number): void {
    const at = [...window].filter(([seq]) => seq > acked).map(([seq, offset]) => [seq, 'in', 0, offset]);
    if (at.length > 0) this.#say({ op: 'ack', epoch, upto, at, ts: 0 });
  }

  #event(frame: Fields, text: string): void {
    const stream = this.#stream;
    const [epoch, seq, id] = [String(frame['epoch']), Number(frame['seq']), String(frame['id'])];
    if (stream?.epoch !== epoch || !this.#isWelcome) throw new Error(`an event of ${epoch} before its hello`);
    if (this.refusals > 0) {
      this.refusals -= 1;
      this.#say({ op: 'nack', epoch, seq, code: 109, reason: 'too fast', retry_after_ms: 5 });
      return;
    }
    if (frame['event'] === 'poke')
      this.#say({ op: 'error', code: 116, temporary: false, reason: 'kept as unknown', ref: String(seq) });
    this.#askBelow(seq);
    if (this.#held.some((held) => held.seq === seq)) return;
    if (this.holds > 0 && !stream.window.has(seq)) {
      this.holds -= 1;
      this.#held.push({ seq, id, text });
    } else this.#append({ seq, id, text });
  }

  #append({ seq, id, text }: Held): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { epoch, window } = stream;
    const known = window.get(seq);
    const offset = known ?? this.log.push({ epoch, seq, id, text }) - 1;
    window.set(seq, offset);
    this.#settle(seq);
    const dup = known === undefined ? {} : { dup: [seq] };
    if (this.#isWelcome)
      this.#say({ op: 'ack', epoch, upto: stream.upto, at: [[seq, 'in', 0, offset]], ...dup, ts: 0 });
  }

  /** What has not come of the numbers before this one. */
  #askBelow(seq: number): void {
    const { epoch, upto } = this.#stream ?? { epoch: '', upto: seq };
    for (let number = upto + 1; number < seq; number++) {
      const hasCome = this.#isSettled(number) || this.#held.some((held) => held.seq === number);
      if (!hasCome) this.#say({ op: 'resend', epoch, from: number, to: number });
    }
  }

  #isSettled(seq: number): boolean {
    return this.#stream !== undefined && (seq <= this.#stream.upto || this.#stream.ahead.has(seq));
  }

  #settle(seq: number): void {
    const stream = this.#stream;
    if (stream === undefined || seq <= stream.upto) return;
    stream.ahead.add(seq);
    while (stream.ahead.delete(stream.upto + 1)) stream.upto += 1;
  }

  #deliver(): void {
    for (; this.#isWelcome && this.#credit > 0 && this.#next < this.dispatches.length; this.#credit--) {
      const id = this.dispatches[this.#next++];
      this.#say({ op: 'deliver', log_epoch: 'model', pos: { 'out/0': this.#next }, event: { event: 'message', id } });
    }
  }

  #say(frame: object): void {
    this.down.push(JSON.stringify(frame));
  }
}
