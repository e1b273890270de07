// The events that a client has numbered and that nobody has acknowledged yet, in order. Pure. An event goes out only when it is
// durable, stays until it is settled, and its caller is told in the order of the numbers.
//
//   add() ──► stored() ──► take(): waiting ──► sent ──► acknowledge(), refuse() ──► settled ──► told, when it is the first
//                              ▲ again() ─────────┘                                    │
//                              └ resume(), askedAgain(): not for the gateway of now ───┘
import { type EventPlace, idOf, isPassing, renumbered } from './event-text.ts';
import { type Counter, KEY, type Kept } from './kept.ts';
import type { Acknowledged, LogCoordinates, Outcome, Place, SendWindow, SeqRange, Settlement } from './outcome.ts';

interface Entry {
  readonly ticket: number;
  readonly id: string;
  readonly text: string;
  readonly seq: number;
  /** Wanted: waiting, and a gateway has said that the log does not have it. Doubtful: settled for the gateway of now, which may still say how. */
  state: 'waiting' | 'wanted' | 'sent' | 'doubtful' | 'settled';
  /** What to tell, also where a gateway said it that is gone, and this one is sent the event again. */
  settlement: Settlement | undefined;
  /** Its number was settled while it was wanted, as lost: only a place on the log, or a refusal, is an answer to it from then on. */
  isGivenUp: boolean;
}

const UNSENT = { state: 'waiting', settlement: undefined, isGivenUp: false } as const;
/** On the log, at a place that nobody has told. */
const SOMEWHERE: Settlement = { ok: true, at: undefined, isDuplicate: false };

export class Outbox {
  readonly stream: string;
  readonly #changes: Map<string, string | undefined>;
  #epoch: string;
  /** Dense: the entry of a number is found by its distance from the first. */
  #entries: Entry[] = [];
  readonly #byId = new Map<string, Entry>();
  #last: number;
  #tickets = 0;
  #bytes = 0;
  #durableUpto: number;
  /** Nothing before it waits. */
  #nextToSend: number;
  /** Nobody can have acknowledged what comes after. */
  #sentUpto: number;
  #inFlight = 0;
  #inFlightBytes = 0;

  constructor(counter: Counter, events: Kept['events'], changes: Map<string, string | undefined>) {
    this.stream = counter.stream;
    this.#changes = changes;
    this.#epoch = counter.epoch;
    this.#last = counter.last - events.length;
    for (const { text } of events) this.#push(idOf(text), text);
    this.#durableUpto = this.#last;
    this.#sentUpto = this.#last;
    this.#nextToSend = this.#first;
    this.#keepCounter();
  }

  get epoch(): string {
    return this.#epoch;
  }

  get last(): number {
    return this.#last;
  }

  /** Everything up to here is settled and told. */
  get acked(): number {
    return this.#first - 1;
  }

  /** The last number that survives a crash of this client. */
  get durable(): number {
    return this.#durableUpto;
  }

  /** `keptBytes` counts UTF-16 units, which is near enough to bytes for a limit. */
  get status() {
    const { stream, epoch, last, acked } = this;
    return { stream, epoch, last, acked, kept: this.#entries.length, keptBytes: this.#bytes };
  }

  get hasWaiting(): boolean {
    return this.#nextToSend <= this.#durableUpto;
  }

  /** Where the next event comes. */
  get nextPlace(): EventPlace {
    return { stream: this.stream, epoch: this.#epoch, seq: this.#last + 1 };
  }

  /** Takes an event that was written for the next place, and asks for it to be kept; gives its ticket. */
  add(id: string, text: string): number {
    const { seq, ticket } = this.#push(id, text);
    this.#changes.set(KEY.event(seq), text);
    this.#keepCounter();
    return ticket;
  }

  /** Nothing of another epoch: those numbers mean other events. */
  stored({ epoch, seq }: Place): void {
    if (epoch === this.#epoch) this.#durableUpto = Math.max(this.#durableUpto, seq);
  }

  /** What may go out now, in order, at most `count`; it counts as sent from here on. */
  take({ window, windowBytes }: SendWindow, count: number): readonly string[] {
    const texts: string[] = [];
    for (; this.hasWaiting && texts.length < count; this.#nextToSend++) {
      const entry = this.#at(this.#nextToSend);
      if (entry?.state !== 'waiting' && entry?.state !== 'wanted') continue;
      const bytes = this.#inFlightBytes + entry.text.length;
      if (this.#inFlight >= window || (this.#inFlight > 0 && bytes > windowBytes)) break;
      entry.state = 'sent';
      this.#inFlight += 1;
      this.#inFlightBytes = bytes;
      this.#sentUpto = Math.max(this.#sentUpto, entry.seq);
      texts.push(entry.text);
    }
    return texts;
  }

  /** Nothing of another epoch changes anything. */
  acknowledge({ epoch, upto, at, dup }: Acknowledged): readonly Outcome[] {
    if (epoch !== this.#epoch) return [];
    const repeated = new Set(dup);
    const settle = (entry: Entry | undefined, where: LogCoordinates | undefined): void => {
      if (entry === undefined) return;
      const isDuplicate = repeated.has(entry.seq) || repeated.has(entry.id);
      this.#settle(entry, { ok: true, at: where, isDuplicate });
    };
    for (const [key, topic, partition, offset] of at) settle(this.#find(key), { topic, partition, offset });
    for (const key of dup) settle(this.#find(key), undefined);
    this.#settleUpTo(upto);
    return this.#tell();
  }

  /** Refused for good. */
  refuse(key: number | string, code: number, reason: string): readonly Outcome[] {
    const entry = this.#find(key);
    if (entry !== undefined) this.#settle(entry, { ok: false, code, reason });
    return this.#tell();
  }

  /** Refused for now: it waits as if it had not been sent. */
  again(key: number | string): void {
    const entry = this.#find(key);
    if (entry !== undefined && entry.state !== 'settled') this.#want(entry);
  }

  /** The gateway has numbers of this epoch that were never sent from here: the counter has stepped back. */
  isBehind(last: Place): boolean {
    return last.epoch === this.#epoch && last.seq > this.#sentUpto;
  }

  /**
   * A new connection: the gateway has settled everything up to `last`; all else goes out again, also what another one has settled.
   * What became of the settled ones it may say once more, so they are told when it has had the time for that.
   */
  resume(last: Place | undefined): void {
    const settledUpto = last?.epoch === this.#epoch ? Math.min(last.seq, this.#sentUpto) : 0;
    for (const entry of this.#entries) {
      const isSettled = entry.seq <= settledUpto && !isOpenAllTheSame(entry);
      if (isSettled && entry.state !== 'settled') this.#turn(entry, 'doubtful');
      if (!isSettled && entry.state !== 'wanted') this.#turn(entry, 'waiting');
    }
    this.#nextToSend = this.#first;
  }

  get hasDoubts(): boolean {
    return this.#entries.some(({ state }) => state === 'doubtful');
  }

  /** The gateway has said what it knows. */
  settleDoubts(): readonly Outcome[] {
    for (const entry of this.#entries) if (entry.state === 'doubtful') this.#settle(entry, SOMEWHERE);
    return this.#tell();
  }

  /** The gateway asks again: what is kept goes out once more; the ranges that are gone are named. */
  askedAgain(epoch: string, { from, to }: SeqRange): readonly SeqRange[] {
    if (epoch !== this.#epoch) return [{ from, to }];
    const last = Math.min(to, this.#last);
    for (let seq = Math.max(from, this.#first); seq <= last; seq++) this.#want(this.#at(seq));
    const gone: SeqRange[] = [];
    if (from < this.#first) gone.push({ from, to: Math.min(to, this.#first - 1) });
    if (to > this.#last) gone.push({ from: Math.max(from, this.#last + 1), to });
    return gone;
  }

  /** The numbers of this epoch cannot be trusted: what is not settled gets new ones. */
  begin(epoch: string): readonly Outcome[] {
    const settled = this.#entries.flatMap((entry) => told(entry));
    const kept = this.#entries.filter(({ settlement }) => settlement === undefined);
    for (const { seq } of this.#entries) this.#changes.set(KEY.event(seq), undefined);
    this.#entries = [];
    this.#byId.clear();
    this.#epoch = epoch;
    this.#last = 0;
    this.#bytes = 0;
    this.#inFlight = 0;
    this.#inFlightBytes = 0;
    this.#durableUpto = 0;
    this.#sentUpto = 0;
    this.#nextToSend = 1;
    for (const { id, text, ticket } of kept) {
      const entry = this.#push(id, renumbered(text, this.nextPlace), ticket);
      this.#changes.set(KEY.event(entry.seq), entry.text);
    }
    this.#keepCounter();
    return settled;
  }

  /** Of the event that the gateway means, by its number, also as a text, or by its id; undefined when it is not kept. */
  idOf(key: number | string | undefined): string | undefined {
    return key === undefined ? undefined : (this.#at(Number(key)) ?? this.#find(key))?.id;
  }

  get #first(): number {
    return this.#last - this.#entries.length + 1;
  }

  #at(seq: number): Entry | undefined {
    return this.#entries[seq - this.#first];
  }

  #find(key: number | string): Entry | undefined {
    return typeof key === 'number' ? this.#at(key) : this.#byId.get(key);
  }

  #push(id: string, text: string, ticket = ++this.#tickets): Entry {
    const entry: Entry = { ticket, seq: ++this.#last, id, text, ...UNSENT };
    this.#entries.push(entry);
    this.#byId.set(id, entry);
    this.#bytes += text.length;
    return entry;
  }

  #turn(entry: Entry, state: Entry['state']): void {
    if (entry.state === 'sent') {
      this.#inFlight -= 1;
      this.#inFlightBytes -= entry.text.length;
    }
    entry.state = state;
  }

  #want(entry: Entry | undefined): void {
    if (entry === undefined) return;
    this.#turn(entry, 'wanted');
    this.#nextToSend = Math.min(this.#nextToSend, entry.seq);
  }

  /** Of several places on the log the first is told, and none of a refusal where there is one. */
  #settle(entry: Entry, settlement: Settlement): void {
    if (entry.state === 'settled') return;
    this.#turn(entry, 'settled');
    entry.isGivenUp = false;
    const isBetter = placeOf(entry.settlement) === undefined && placeOf(settlement) !== undefined;
    if (isBetter || entry.settlement === undefined) entry.settlement = settlement;
  }

  #settleUpTo(upto: number): void {
    const count = Math.min(upto, this.#sentUpto) - this.#first + 1;
    for (const entry of this.#entries.slice(0, Math.max(0, count)))
      if (!isOpenAllTheSame(entry)) this.#settle(entry, SOMEWHERE);
  }

  /** Takes away the settled ones at the front. */
  #tell(): readonly Outcome[] {
    const open = this.#entries.findIndex(({ state }) => state !== 'settled');
    const gone = this.#entries.splice(0, open === -1 ? this.#entries.length : open);
    for (const entry of gone) {
      this.#bytes -= entry.text.length;
      this.#changes.set(KEY.event(entry.seq), undefined);
      if (this.#byId.get(entry.id) === entry) this.#byId.delete(entry.id);
    }
    this.#nextToSend = Math.max(this.#nextToSend, this.#first);
    return gone.flatMap((entry) => told(entry));
  }

  #keepCounter(): void {
    this.#changes.set(KEY.counter, JSON.stringify({ stream: this.stream, epoch: this.#epoch, last: this.#last }));
  }
}

function told({ ticket, seq, id, settlement }: Entry): readonly Outcome[] {
  return settlement === undefined ? [] : [{ ticket, seq, id, ...settlement }];
}

function placeOf(settlement: Settlement | undefined): LogCoordinates | undefined {
  return settlement?.ok === true ? settlement.at : undefined;
}

/** A gateway has settled its number: whether it may have done that without having the event. */
function isOpenAllTheSame(entry: Entry): boolean {
  if (entry.state !== 'wanted') return entry.isGivenUp;
  // It may leave out one that passes, and say nothing of it: that one only has to go out once more.
  entry.isGivenUp ||= !isPassing(entry.text);
  return true;
}
