// The account of one epoch of one stream, as its source counts it: which numbers have come, up to where all are settled, and
// which are missing. Pure; the clock is an argument. Memory grows with the gaps, which are bounded, and with what is on its
// way, not with the events: a number is either above `highest`, or missing, or on its way, or settled.
//
//   arrive: new ──► on its way ──► settle ──► upto moves
//      └ a jump opens a gap: asked for again until it is filled, said to be unavailable, or a minute old (lost)
import { type Outcome, RecentEvents } from './recent-events.ts';
import { Gaps, type SeqRange } from './seq-gaps.ts';

export type Arrival =
  | { readonly kind: 'new' }
  /** The same once more, and where it went; undefined while it is still on its way. */
  | { readonly kind: 'duplicate'; readonly outcome: Outcome | undefined }
  /** The number is known with another body: another event under the same identity. */
  | { readonly kind: 'conflict' }
  /** The number was settled or given up before anything that is remembered: whether it is the same, nobody here knows. */
  | { readonly kind: 'forgotten' };

export interface GapNews {
  readonly closed: readonly SeqRange[];
  readonly lost: readonly SeqRange[];
}

/** One for all events: each arrival makes none of its own. */
const NEW: Arrival = { kind: 'new' };
const CONFLICT: Arrival = { kind: 'conflict' };
const FORGOTTEN: Arrival = { kind: 'forgotten' };
const ON_ITS_WAY: Arrival = { kind: 'duplicate', outcome: undefined };

const STEPS_MAX = 1_024;

export class StreamAccount {
  readonly epoch: string;
  readonly #recent = new RecentEvents();
  /** With what their bodies are. Of a stream that says nothing there is none. */
  #onTheirWay: Map<number, string> | undefined;
  readonly #gaps = new Gaps();
  /** Refused for now, oldest first; some of them may have come again, or been given up, since. */
  readonly #refused: { from: number; to: number }[] = [];
  #upto: number;
  #highest: number;
  readonly #givenOut: number;
  #hasBase: boolean;
  readonly #beginsHere: boolean;
  #hasCome = false;

  /**
   * `upto` undefined: nobody here knows what was settled before, so the account begins with the first number that comes,
   * but not above `givenOut`, the last number that the source had used when it connected: what follows is surely new.
   */
  constructor(epoch: string, { upto, givenOut }: { upto: number | undefined; givenOut: number }) {
    this.epoch = epoch;
    this.#givenOut = givenOut;
    this.#beginsHere = upto === undefined && givenOut === 0;
    this.#hasBase = upto !== undefined || this.#beginsHere;
    this.#upto = upto ?? 0;
    this.#highest = this.#upto;
  }

  /** Every number up to this one is settled, or lost by name. */
  get upto(): number {
    return this.#upto;
  }

  /** What became of the numbers above this one, as far as it is remembered. */
  settledAbove(seq: number): readonly (readonly [number, Outcome])[] {
    return this.#recent.above(seq);
  }

  get highest(): number {
    return this.#highest;
  }

  /** Whether anything is known of what was settled before. */
  get isKnown(): boolean {
    return this.#hasBase;
  }

  /** Whether an event of it has come here: else all that is known of it was said by its peer, or was saved. */
  get hasCome(): boolean {
    return this.#hasCome;
  }

  /** Whether more is known of it than its peer will say again, or was saved: an event has come, or it is known to begin with its first number. */
  get isWorthKeeping(): boolean {
    return this.#hasCome || this.#beginsHere;
  }

  get missing(): readonly SeqRange[] {
    return this.#gaps.missing;
  }

  /** Numbers that were not taken after all have used up what may be missing. */
  get isFull(): boolean {
    return this.#gaps.isFull;
  }

  /** Whether there is room for what this number would leave missing beside it. */
  hasRoomFor(seq: number): boolean {
    return (
      !this.isFull || (seq > this.#highest ? seq === this.#highest + 1 : !this.#gaps.isInside({ from: seq, to: seq }))
    );
  }

  /** The same for what the source says that it cannot send again. */
  hasRoomWithout(range: SeqRange): boolean {
    return !this.isFull || !this.#gaps.isInside(range);
  }

  arrive(seq: number, sha256: string, nowMs: number): Arrival {
    this.#hasCome = true;
    if (!this.#hasBase) {
      this.#hasBase = true;
      this.#upto = Math.min(seq - 1, this.#givenOut);
      this.#highest = this.#upto;
    }
    if (seq > this.#highest) {
      const opened = seq > this.#highest + 1 ? { from: this.#highest + 1, to: seq - 1 } : undefined;
      this.#highest = seq;
      this.#begin(seq, sha256);
      if (opened !== undefined) this.#gaps.open(opened, nowMs);
      return NEW;
    }
    if (this.#gaps.take(seq, nowMs)) {
      this.#begin(seq, sha256);
      return NEW;
    }
    const coming = this.#onTheirWay?.get(seq);
    if (coming !== undefined) return coming === sha256 ? ON_ITS_WAY : CONFLICT;
    const known = this.#recent.find(seq);
    if (known === undefined) return FORGOTTEN;
    return known.isSame(sha256) ? { kind: 'duplicate', outcome: known.outcome } : CONFLICT;
  }

  /** A gap that is to be told, now that this number behind it is taken; one for each: what is refused has not been seen. */
  takeOpened(seq: number): SeqRange | undefined {
    return this.#gaps.takeOpened(seq);
  }

  /** Of one that is new, and of one that was forgotten, which is remembered again. */
  settle(seq: number, sha256: string, outcome: Outcome): void {
    this.#recent.add(seq, sha256, outcome);
    if (this.#onTheirWay?.delete(seq) !== true) return;
    this.#gaps.settled(seq);
    this.#advance();
  }

  /** Those of them that came are settled by being left out. */
  leftOut({ from, to }: SeqRange): void {
    for (let seq = from; seq <= to; seq += 1) {
      const sha256 = this.#onTheirWay?.get(seq);
      if (sha256 !== undefined) this.settle(seq, sha256, { kind: 'sampled' });
    }
  }

  /** Not taken after all (a temporary nack): the number is missing until it comes again, in `waitMs` as the peer was told. */
  release(seq: number, nowMs: number, waitMs = 0): void {
    if (this.#onTheirWay?.delete(seq) !== true) return;
    this.#gaps.putBack(seq, nowMs, waitMs);
    this.#refuse(seq);
  }

  /**
   * The number that one above it has to wait for: it was refused for now, and has neither come again nor been given up. Else the
   * later event would stand before it on the log.
   */
  heldBackBy(seq: number): number | undefined {
    let [first] = this.#refused;
    while (first !== undefined && !this.#gaps.isMissing(first.from)) {
      first.from += 1;
      if (first.from > first.to) this.#refused.shift();
      [first] = this.#refused;
    }
    return first !== undefined && first.from < seq ? first.from : undefined;
  }

  /** The peer was told, by whatever gateway, that all up to this number is safe: nothing of it is missing here. */
  believe(acked: number): void {
    this.#highest = Math.max(this.#highest, acked);
    this.#gaps.giveUp({ from: 1, to: acked });
    this.#advance();
  }

  /** The source says that it cannot send these again: the parts of it that are missing are lost. */
  giveUp(range: SeqRange): readonly SeqRange[] {
    const lost = this.#gaps.giveUp(range);
    if (lost.length > 0) this.#advance();
    return lost;
  }

  /** What to ask for again now, at most `limit` numbers a gap at once. */
  toAsk(limit: number, nowMs: number): readonly SeqRange[] {
    return this.#gaps.toAsk(limit, nowMs);
  }

  /** Gives up what has been missing for too long, and tells which gaps are over. */
  tick(nowMs: number, gapMs: number): GapNews {
    const lost = this.#gaps.overdue(nowMs, gapMs).flatMap((range) => this.giveUp(range));
    return { lost, closed: this.takeClosed() };
  }

  /** The gaps that are filled and settled, each told once; those with a lost part are told by it. */
  takeClosed(): readonly SeqRange[] {
    return this.#gaps.takeClosed();
  }

  /** Nobody could send what is missing meanwhile: that does not make it older. */
  wasAway(ms: number): void {
    this.#gaps.postpone(ms);
  }

  #begin(seq: number, sha256: string): void {
    this.#onTheirWay ??= new Map();
    this.#onTheirWay.set(seq, sha256);
  }

  #refuse(seq: number): void {
    const index = this.#refused.findLastIndex(({ from }) => from <= seq);
    const before = this.#refused[index];
    if (before !== undefined && seq <= before.to) return;
    if (before !== undefined && before.to === seq - 1) before.to = seq;
    else this.#refused.splice(index + 1, 0, { from: seq, to: seq });
  }

  #advance(): void {
    const first = this.#gaps.missing[0];
    const bound = first === undefined ? this.#highest : first.from - 1;
    const stepsTo = Math.min(bound, this.#upto + STEPS_MAX);
    while (this.#upto < stepsTo && this.#onTheirWay?.has(this.#upto + 1) !== true) this.#upto += 1;
    if (this.#upto < stepsTo || this.#upto === bound) return;
    // A gap as wide as a peer likes was given up: no walk through it.
    let upto = bound;
    for (const seq of this.#onTheirWay?.keys() ?? []) if (seq <= upto) upto = seq - 1;
    this.#upto = upto;
  }
}
